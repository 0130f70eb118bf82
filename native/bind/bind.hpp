// One function per room (several for the market, which has many rows) adds names to the
// sub-module kimera._native.<room>.
#pragma once

#include <nanobind/nanobind.h>

namespace kimera::bind {

void model(nanobind::module_& m);
void runtime(nanobind::module_& m);
void runtime_journal(nanobind::module_& m);
void runtime_ring(nanobind::module_& m);
void market_books(nanobind::module_& m);
void market_codecs(nanobind::module_& m);
void market_venue(nanobind::module_& m);
void market_flow(nanobind::module_& m);
void portfolio(nanobind::module_& m);
void microstructure(nanobind::module_& m);
void strategy(nanobind::module_& m);
void system(nanobind::module_& m);
void bench(nanobind::module_& m);
void bench_backtest(nanobind::module_& m);
void bench_books(nanobind::module_& m);
void bench_venue(nanobind::module_& m);
void bench_runtime(nanobind::module_& m);
void bench_microstructure(nanobind::module_& m);
void cep(nanobind::module_& m);

}  // namespace kimera::bind
