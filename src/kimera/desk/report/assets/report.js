"use strict";
// Draws the figures in the colours of the present theme; draws again when the theme or the
// medium changes. A colour in a figure is the name of a custom property of the style sheet.
const start = () => {
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const places = [...document.querySelectorAll("[data-figure]")];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const themed = (value) => {
    if (typeof value === "string") {
      const found = value.match(/^var\((--[a-z0-9-]+)\)$/);
      return found ? colour(found[1]) : value;
    }
    if (Array.isArray(value)) {
      return value.length && typeof value[0] === "number" ? value : value.map(themed);
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, themed(part)]));
    }
    return value;
  };

  const base = () => ({
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--muted") },
    margin: { l: 56, r: 12, t: 8, b: 36 },
    legend: {
      orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11.5, color: colour("--ink") },
      bgcolor: "rgba(0,0,0,0)",
    },
    hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--rule"),
                  font: { color: colour("--ink") } },
  });

  const axis = () => ({
    gridcolor: colour("--grid"), linecolor: colour("--rule"), zerolinecolor: colour("--muted"),
    zerolinewidth: 1, tickfont: { size: 11 },
  });

  const draw = () => places.forEach((place) => {
    const figure = themed(figures[Number(place.dataset.figure)]);
    const layout = { ...base(), ...figure.layout };
    Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key)).forEach((key) => {
      layout[key] = { ...axis(), ...layout[key] };
    });
    Plotly.react(place, figure.data, layout,
                 { displaylogo: false, displayModeBar: false });
  });

  // A card can change its width without the window: follow the card.
  const watch = new ResizeObserver((entries) => entries.forEach((entry) => {
    if (entry.target.data && entry.contentRect.width > 0) Plotly.Plots.resize(entry.target);
  }));

  const use = (theme) => { root.dataset.theme = theme; draw(); };
  document.getElementById("theme").addEventListener("click", () => {
    use(root.dataset.theme === "dark" ? "light" : "dark");
  });
  dark.addEventListener("change", (event) => use(event.matches ? "dark" : "light"));
  let before = "light";
  window.addEventListener("beforeprint", () => { before = root.dataset.theme; use("light"); });
  window.addEventListener("afterprint", () => use(before));
  use(dark.matches ? "dark" : "light");
  places.forEach((place) => watch.observe(place));
};

// The library travels compressed; the browser unpacks it before the first drawing.
(async () => {
  const text = document.getElementById("plotly").textContent;
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const library = document.createElement("script");
  library.textContent = await new Response(unpacked).text();
  document.head.append(library);
  start();
})();
