#pragma once
#include <atomic>
#include <cstdint>

#include "base/time.h"
#include "greylist/conversation.h"
#include "greylist/rate_counters.h"
#include "greylist/tuple_store.h"
#include "io/log.h"
#include "io/public_suffixes.h"
#include "io/resolver.h"
#include "io/worker_pool.h"
#include "serve/greylist_checks.h"
#include "serve/greylist_updates.h"
#include "serve/statistics_output.h"

namespace hikyaku::serve {

/// What all connections of the greylisting filter share.
struct GreylistServices {
  Clock& clock;
  io::Log& log;
  io::WorkerPool& pool;
  io::Resolver& resolver;
  GreylistChecks& checks;
  GreylistUpdates& updates;
  greylist::TupleStore& tuples;
  StatisticsOutput& statistics;
  const greylist::ProductNames& names;
  greylist::RateCounters& rates;
  const greylist::Learning learning;
  const io::PublicSuffixes* suffixes;  ///< null without sender pools
  std::atomic<std::uint64_t> begun{0}, ended{0};
};

}  // namespace hikyaku::serve
