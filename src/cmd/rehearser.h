#pragma once
#include <boost/asio/io_context.hpp>

#include "io/resolver.h"
#include "serve/rehearsal.h"
#include "serve/running.h"

namespace hikyaku::cmd {

/// Rehearses messages under one configuration, asking the DNS server that it names. Blocks.
class Rehearser {
 public:
  /// `running` must outlive it.
  explicit Rehearser(const serve::Running& running);
  serve::Rehearsal run(const serve::Listener& listener, serve::RehearsalRequest request, Time now);
  const serve::Running& running() const { return running_; }

 private:
  const serve::Running& running_;
  io::Resolver resolver_;
};

}  // namespace hikyaku::cmd
