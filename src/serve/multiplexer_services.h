#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "base/time.h"
#include "io/log.h"
#include "io/resolver.h"
#include "io/worker_pool.h"
#include "serve/verdict_file.h"

namespace hikyaku::serve {

/// What all sessions of a multiplexer share. Thread-safe; outlives them.
struct MultiplexerServices {
  Clock& clock;
  io::Log& log;
  io::WorkerPool& pool;      ///< for what blocks: names of hosts, Ruby
  io::WorkerPool& spooling;  ///< for messages whose bodies are in files: confined
  io::Resolver& resolver;
  VerdictFile* verdicts;        ///< null: none is kept
  std::string spool_folder;     ///< for messages that are too large for memory
  std::string record_folder{};  ///< where sessions are recorded; empty: they are not
  static constexpr std::uint64_t kMostRecordings = 1000;  ///< the first of a run
  std::atomic<std::uint64_t> begun{0}, ended{0};          ///< sessions
  std::atomic<std::uint64_t> messages{0};
};

}  // namespace hikyaku::serve
