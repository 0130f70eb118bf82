"""What a simulated market is made of: venues, assets, agents, scripted episodes.

Frozen structs with the ranges in the types. Every field of an agent's struct is a parameter of
the same name in ``native/include/kimera/market/order_flow_config.hpp``; a test holds names and
defaults together. Distances are in basis points of the price and sizes in units of the asset
(``AssetConfig.unit_lots``), so that one set of agents serves every asset.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any

import msgspec

from kimera.errors import ConfigError
from kimera.model import Instrument, Venue

__all__ = [
    "ArbitrageConfig",
    "AssetConfig",
    "EpisodeConfig",
    "FlowImpressionConfig",
    "FundamentalConfig",
    "InformedTakingConfig",
    "Manipulation",
    "MarketMakingConfig",
    "MetaOrdersConfig",
    "MomentumHerdConfig",
    "NoiseTakingConfig",
    "QueueReactiveConfig",
    "SimulationConfig",
    "TopFeed",
    "VenueConfig",
    "simulated_market_config",
]

Hz = Annotated[float, msgspec.Meta(ge=0, le=1e5)]
Bp = Annotated[float, msgspec.Meta(ge=0, le=1e3)]
Units = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e5)]
LogStd = Annotated[float, msgspec.Meta(ge=0, le=4)]
Count = Annotated[int, msgspec.Meta(ge=0, le=64)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
FeeE7 = Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]


class Manipulation(IntEnum):
    """A scripted pattern whose truth is known."""

    SPOOFING = 1
    LAYERING = 2
    QUOTE_STUFFING = 3
    MOMENTUM_IGNITION = 4
    WASH_TRADES = 5
    STOP_RUN = 6
    LIQUIDITY_SHOCK = 7


class TopFeed(Enum):
    """Whether the venues also print their best prices."""

    DELTAS = "deltas"
    DELTAS_AND_QUOTES = "deltas-and-quotes"


class _Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of one kind of agent."""


class FundamentalConfig(_Group, frozen=True, kw_only=True):
    """Common value of the assets: correlated jump diffusion with rough stochastic volatility.

    Attributes
    ----------
    step_s : float
        Grid of the path [s].
    hurst : float
        H of log volatility between its fastest and slowest scale; 0.1 is rough.
    log_volatility_std : float
        Standard deviation of log volatility; 0 makes volatility constant.
    fastest_s, scale_ratio : float
        Time scale of the fastest of five factors [s], and the ratio between neighbours.
    common_volatility : float
        Share of the assets' log volatility that moves together.
    news_rate_hz : float
        Pieces of common news, and of each asset's own, at nervousness 1 [1/s]; 0 is a diffusion.
    jump_rate_hz : float
        Common jumps, and each asset's own [1/s].
    lookahead_s : float
        How far ahead the path is known to the informed [s].
    """

    step_s: Annotated[float, msgspec.Meta(ge=1e-5, le=1)] = 0.001
    hurst: Annotated[float, msgspec.Meta(ge=0.01, le=0.5)] = 0.1
    log_volatility_std: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.7
    fastest_s: Seconds = 1.0
    scale_ratio: Annotated[float, msgspec.Meta(ge=1.1, le=100)] = 4.0
    common_volatility: Share = 0.8
    news_rate_hz: Annotated[float, msgspec.Meta(ge=0, le=100)] = 3.0
    jump_rate_hz: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.02
    lookahead_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 1.0


class FlowImpressionConfig(_Group, frozen=True, kw_only=True):
    """What the takers' flow tells everyone (Bouchaud, Gefen, Potters, Wyart 2004).

    Attributes
    ----------
    bp_per_unit : float
        Move of the common value per unit bought, at once [bp].
    exponent : float
        The move decays as (age / fastest_s) ** -exponent.
    fastest_s, scale_ratio : float
        Time scale of the fastest of five exponentials [s], and the ratio between neighbours.
    largest_bp : float
        Bound of the impression [bp].
    """

    bp_per_unit: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.05
    exponent: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.3
    fastest_s: Seconds = 0.5
    scale_ratio: Annotated[float, msgspec.Meta(ge=1.1, le=100)] = 4.0
    largest_bp: Bp = 50.0


class QueueReactiveConfig(_Group, frozen=True, kw_only=True):
    """Many small makers whose rates depend on the queues (Huang, Lehalle, Rosenbaum 2015).

    Attributes
    ----------
    makers : int
        Participants in each book, 1 or more.
    add_rate_hz : float
        Attempts to add, per participant at average nervousness [1/s].
    cancel_rate_hz, touch_cancel_rate_hz : float
        Cancels per resting order far from the touch, and what is added at the touch [1/s].
    touch_fade_bp : float
        Distance over which that addition falls by e [bp].
    join_probability : float
        Share of adds at the touch or inside a wide spread.
    placement_bp, placement_exponent : float
        Other adds: P(distance > x) = (1 + x / placement_bp) ** -placement_exponent.
    size_growth, size_log_std : float
        Log-normal sizes, median one unit at the touch, growing as (1 + x / placement_bp) ** growth.
    queue_full_units : float
        Queue that halves the wish to join it [units].
    imbalance_cancel : float
        How much a thin own queue speeds up cancelling.
    belief_noise_bp, belief_rate_hz, belief_spread : float
        Noise of one look at the fundamental [bp], pull towards it [1/s] of the median
        participant, and half the range of its logarithm over participants.
    stale_bp : float
        Quotes worse than the belief by this are pulled at once [bp].
    """

    makers: Count = 6
    add_rate_hz: Hz = 60.0
    cancel_rate_hz: Hz = 0.5
    touch_cancel_rate_hz: Hz = 2.0
    touch_fade_bp: Bp = 1.0
    join_probability: Share = 0.35
    placement_bp: Bp = 1.0
    placement_exponent: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.2
    size_growth: LogStd = 0.5
    size_log_std: LogStd = 1.2
    queue_full_units: Units = 30.0
    imbalance_cancel: Annotated[float, msgspec.Meta(ge=0, le=100)] = 2.0
    belief_noise_bp: Bp = 0.15
    belief_rate_hz: Hz = 100.0
    belief_spread: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.5
    stale_bp: Bp = 0.3


class MarketMakingConfig(_Group, frozen=True, kw_only=True):
    """Ladders on both sides of a belief, leaning against the inventory.

    Attributes
    ----------
    makers : int
        In each book.
    refresh_rate_hz : float
        Looks at the market [1/s].
    levels : int
        Quotes on each side, 1 to 16.
    half_spread_bp, level_step_bp, level_growth : float
        Distance of the first quote, to the second, and growth of the steps from there [bp].
    size_units, size_growth : float
        Size of the first quote [units] and ratio of the next.
    inventory_units : float
        Inventory at which the lean is one half-spread and a step [units].
    belief_noise_bp, belief_rate_hz : float
        As for the queue-reactive makers.
    requote_bp : float
        A quote nearer than this to its target stays [bp].
    """

    makers: Count = 2
    refresh_rate_hz: Hz = 50.0
    levels: Annotated[int, msgspec.Meta(ge=1, le=16)] = 8
    half_spread_bp: Bp = 0.1
    level_step_bp: Bp = 0.25
    level_growth: Annotated[float, msgspec.Meta(ge=1, le=4)] = 1.5
    size_units: Units = 4.0
    size_growth: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.3
    inventory_units: Units = 400.0
    belief_noise_bp: Bp = 0.1
    belief_rate_hz: Hz = 100.0
    requote_bp: Bp = 0.1


class NoiseTakingConfig(_Group, frozen=True, kw_only=True):
    """Takers without information: a Hawkes process of buys and sells in each asset.

    Attributes
    ----------
    base_rate_hz : float
        Baseline of buys, and of sells, at average nervousness [1/s].
    branching_self, branching_cross : float
        Orders of the same and of the other side that one order causes; their sum is below 1.
    slow_decay_hz, fast_decay_hz, fast_weight : float
        The two exponentials of the kernel [1/s] and the weight of the fast one.
    size_units, size_log_std : float
        Log-normal size, median [units].
    touch_probability : float
        Share of orders that take at most what the touch shows.
    slippage_bp : float
        Limit beyond the touch [bp].
    """

    base_rate_hz: Hz = 1.2
    branching_self: Annotated[float, msgspec.Meta(ge=0, le=0.95)] = 0.55
    branching_cross: Annotated[float, msgspec.Meta(ge=0, le=0.95)] = 0.1
    slow_decay_hz: Hz = 0.5
    fast_decay_hz: Hz = 20.0
    fast_weight: Share = 0.6
    size_units: Units = 0.05
    size_log_std: LogStd = 2.0
    touch_probability: Share = 0.8
    slippage_bp: Bp = 3.0


class InformedTakingConfig(_Group, frozen=True, kw_only=True):
    """One who knows the fundamental ahead and takes what is mispriced.

    Attributes
    ----------
    wake_rate_hz : float
        Looks at the market [1/s]; 0 turns it off.
    horizon_s : float
        How far ahead it sees, at most ``FundamentalConfig.lookahead_s`` [s].
    edge_bp : float
        Mispricing it needs [bp].
    size_units : float
        Median size each time [units].
    """

    wake_rate_hz: Hz = 20.0
    horizon_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.05
    edge_bp: Bp = 0.4
    size_units: Units = 5.0


class MomentumHerdConfig(_Group, frozen=True, kw_only=True):
    """Followers of the price.

    Attributes
    ----------
    members : int
        In each asset; 0 turns the herd off.
    wake_rate_hz : float
        Looks at the market [1/s].
    fast_s, slow_s : float
        Time scales of the two averages of the mid [s].
    entry_bp : float
        Their difference at which a follower begins; its limit is reached at twice that [bp].
    size_units, inventory_units : float
        Median size of an order, and the most it holds [units].
    """

    members: Count = 3
    wake_rate_hz: Hz = 4.0
    fast_s: Seconds = 1.0
    slow_s: Seconds = 8.0
    entry_bp: Bp = 1.2
    size_units: Units = 1.0
    inventory_units: Units = 8.0


class MetaOrdersConfig(_Group, frozen=True, kw_only=True):
    """Large orders cut in pieces (Lillo, Mike, Farmer 2005).

    Attributes
    ----------
    slots : int
        At a time, in each asset; 0 turns them off.
    arrival_rate_hz : float
        New ones in each asset [1/s].
    size_units, size_exponent, size_cap_units : float
        P(size > x) = (x / size_units) ** -size_exponent, up to the cap [units].
    child_rate_hz, child_size_units, child_log_std : float
        Pace [1/s] and log-normal size of the pieces, median [units].
    slippage_bp : float
        Limit beyond the touch [bp].
    """

    slots: Count = 8
    arrival_rate_hz: Hz = 0.14
    size_units: Units = 12.0
    size_exponent: Annotated[float, msgspec.Meta(ge=0.5, le=10)] = 1.5
    size_cap_units: Units = 2000.0
    child_rate_hz: Hz = 6.0
    child_size_units: Units = 0.5
    child_log_std: LogStd = 0.8
    slippage_bp: Bp = 2.0


class ArbitrageConfig(_Group, frozen=True, kw_only=True):
    """Cross-venue arbitrage, one per asset.

    Attributes
    ----------
    wake_rate_hz : float
        Looks at the venues [1/s]; 0 turns it off.
    edge_bp : float
        Bid of one venue over the ask of another that it needs [bp].
    latency_s : float
        From the decision to the arrival of its orders [s].
    size_units : float
        At most, each time [units].
    """

    wake_rate_hz: Hz = 100.0
    edge_bp: Bp = 0.2
    latency_s: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.002
    size_units: Units = 10.0


class VenueConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A venue of the market.

    Attributes
    ----------
    name : str
        Short name.
    activity, depth : float
        Scale the rates and the sizes of its makers.
    taker_share : float
        Weight in the choice of the takers that do not look for the best price.
    maker_fee_e7, taker_fee_e7 : int
        Fee per unit of traded value [1e-7]; negative is a rebate.
    """

    name: str
    activity: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0
    depth: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0
    taker_share: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1.0
    maker_fee_e7: FeeE7 = 0
    taker_fee_e7: FeeE7 = 0


class AssetConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An asset, traded at every venue.

    Attributes
    ----------
    symbol, base, quote : str
        As in :class:`kimera.model.Instrument`.
    tick_size, lot_size : Decimal
        Value of a tick [quote currency] and of a lot [base currency].
    price : Decimal
        Fundamental value at the start [quote currency].
    volatility_bp : float
        Of the fundamental, root mean square per square root of a second, without jumps [bp].
    common_loading : float
        Share of the common factor; the correlation of two assets is the product of theirs.
    jump_bp : float
        Mean absolute size of a jump [bp].
    unit_lots : float
        Lots of one unit of size.
    activity : float
        Scales every rate of the asset.
    """

    symbol: str
    base: str = ""
    quote: str = ""
    tick_size: Decimal
    lot_size: Decimal
    price: Decimal
    volatility_bp: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0
    common_loading: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.85
    jump_bp: Bp = 3.0
    unit_lots: Positive = 1000.0
    activity: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0


class EpisodeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scripted manipulation.

    Attributes
    ----------
    kind : Manipulation
        The pattern.
    start_ns, duration_ns : int
        From the market's start [ns].
    intensity : float
        Scales its sizes and rates, in (0, 100].
    venue, symbol : str
        Where.
    """

    kind: Manipulation
    venue: str
    symbol: str
    start_ns: Annotated[int, msgspec.Meta(ge=0)]
    duration_ns: Annotated[int, msgspec.Meta(gt=0)]
    intensity: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0


class SimulationConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole market.

    Attributes
    ----------
    venues, assets : tuple
        At least one of each. Every asset trades at every venue; instrument ids run over the
        assets of the first venue, then of the second, from 1.
    start_ns : int
        Exchange time of the opening [ns since the Unix epoch].
    top_feed : TopFeed
        Whether ``Quote`` records are printed.
    fundamental_mark_ns : int
        Interval of ``Mark Fundamental`` records [ns]; 0 for none.
    price_window_frac : float
        Orders further than this from the first price are refused.
    fundamental, flow_impression, queue_reactive, market_making, noise_taking, informed_taking,
    momentum_herd, meta_orders, arbitrage
        The common value and the agents.
    episodes : tuple of EpisodeConfig
        Scripted manipulations, at most 4,096.
    """

    venues: Annotated[tuple[VenueConfig, ...], msgspec.Meta(min_length=1, max_length=16)]
    assets: Annotated[tuple[AssetConfig, ...], msgspec.Meta(min_length=1, max_length=64)]
    start_ns: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 1_700_000_000_000_000_000
    top_feed: TopFeed = TopFeed.DELTAS
    fundamental_mark_ns: Annotated[int, msgspec.Meta(ge=0)] = 0
    price_window_frac: Annotated[float, msgspec.Meta(gt=0, le=0.9)] = 0.15
    fundamental: FundamentalConfig = FundamentalConfig()
    flow_impression: FlowImpressionConfig = FlowImpressionConfig()
    queue_reactive: QueueReactiveConfig = QueueReactiveConfig()
    market_making: MarketMakingConfig = MarketMakingConfig()
    noise_taking: NoiseTakingConfig = NoiseTakingConfig()
    informed_taking: InformedTakingConfig = InformedTakingConfig()
    momentum_herd: MomentumHerdConfig = MomentumHerdConfig()
    meta_orders: MetaOrdersConfig = MetaOrdersConfig()
    arbitrage: ArbitrageConfig = ArbitrageConfig()
    episodes: Annotated[tuple[EpisodeConfig, ...], msgspec.Meta(max_length=4096)] = ()

    def __post_init__(self) -> None:
        names = [venue.name for venue in self.venues]
        symbols = [asset.symbol for asset in self.assets]
        for what, values in (("venues", names), ("assets", symbols)):
            if len(set(values)) != len(values):
                raise ValueError(f"$.{what}: names must differ, were {values}")
        for i, episode in enumerate(self.episodes):
            if episode.venue not in names or episode.symbol not in symbols:
                raise ValueError(
                    f"$.episodes[{i}]: {episode.venue} {episode.symbol} is not in this market"
                )

    @classmethod
    def default_crypto(cls) -> SimulationConfig:
        """Return the embedded default: ALPHA (deep) and BETA (thinner), BTCUSDT and ETHUSDT.

        Tick, lot, price level, volatility, spread, depth and rates are those of Binance spot on
        2024-08-08; what is met and what is not stands in ``docs/simulated-market.md``.
        """
        return cls(
            venues=(
                VenueConfig(name="ALPHA", maker_fee_e7=1_000, taker_fee_e7=4_000),
                VenueConfig(
                    name="BETA",
                    activity=0.5,
                    depth=0.5,
                    taker_share=0.4,
                    maker_fee_e7=0,
                    taker_fee_e7=5_000,
                ),
            ),
            assets=(
                AssetConfig(
                    symbol="BTCUSDT",
                    base="BTC",
                    quote="USDT",
                    tick_size=Decimal("0.01"),
                    lot_size=Decimal("0.00001"),
                    price=Decimal(61_800),
                    volatility_bp=1.1,
                    common_loading=0.9,
                    unit_lots=10_000.0,
                ),
                AssetConfig(
                    symbol="ETHUSDT",
                    base="ETH",
                    quote="USDT",
                    tick_size=Decimal("0.01"),
                    lot_size=Decimal("0.0001"),
                    price=Decimal(2_680),
                    volatility_bp=1.2,
                    common_loading=0.85,
                    unit_lots=5_000.0,
                    activity=0.8,
                ),
            ),
        )

    def instruments(self) -> tuple[Instrument, ...]:
        """Return the instruments; index is id - 1."""
        return tuple(
            Instrument(
                instrument_id=v * len(self.assets) + a + 1,
                symbol=asset.symbol,
                venue_id=v + 1,
                tick_size=asset.tick_size,
                lot_size=asset.lot_size,
                base=asset.base,
                quote=asset.quote,
            )
            for v in range(len(self.venues))
            for a, asset in enumerate(self.assets)
        )

    def venue_table(self) -> tuple[Venue, ...]:
        """Return the venues with their fees; index is id - 1."""
        return tuple(
            Venue(i + 1, venue.name, venue.maker_fee_e7, venue.taker_fee_e7)
            for i, venue in enumerate(self.venues)
        )


def simulated_market_config(values: Mapping[str, Any]) -> SimulationConfig:
    """Make a configuration from plain values laid over the embedded default.

    Parameters
    ----------
    values : mapping
        As a TOML, YAML or JSON file gives; a nested mapping changes only the keys it names, a
        list replaces the default's.

    Raises
    ------
    ConfigError
        Names the key, as in ``$.noise_taking.branching_self``.

    Examples
    --------
    >>> from kimera.market import simulated_market_config
    >>> simulated_market_config({"noise_taking": {"base_rate_hz": 1.0}}).noise_taking.base_rate_hz
    1.0
    """
    plain: dict[str, Any] = msgspec.to_builtins(SimulationConfig.default_crypto())
    for key, value in values.items():
        old = plain.get(key)
        plain[key] = (
            {**old, **value} if isinstance(old, dict) and isinstance(value, Mapping) else value
        )
    try:
        return msgspec.convert(plain, SimulationConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from error
