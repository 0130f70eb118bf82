#include "bind.hpp"

NB_MODULE(_native, m) {
  namespace bind = kimera::bind;
  m.doc() = "Kimera's native code: one sub-module per room.";
  auto model = m.def_submodule("model", "Records and enumerations.");
  bind::model(model);
  auto runtime = m.def_submodule("runtime", "Ring, journal, clock, histogram.");
  bind::runtime(runtime);
  auto market = m.def_submodule("market", "Codecs, books, matching engine, order flow.");
  bind::market_books(market);
  bind::market_codecs(market);
  bind::market_venue(market);
  bind::market_flow(market);
  auto portfolio = m.def_submodule("portfolio", "Ledger.");
  bind::portfolio(portfolio);
  auto microstructure = m.def_submodule("microstructure", "Analyzer, Hawkes, lead and lag.");
  bind::microstructure(microstructure);
  auto cep = m.def_submodule("cep", "Pattern matching over streams of rows.");
  bind::cep(cep);
  auto strategy = m.def_submodule("strategy", "Strategies of the fast lane.");
  bind::strategy(strategy);
  auto system = m.def_submodule("system", "Event loop.");
  bind::system(system);
  auto bench = m.def_submodule("bench", "Loops that `kimera bench` times.");
  bind::bench(bench);
}
