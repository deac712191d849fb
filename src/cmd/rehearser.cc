#include "cmd/rehearser.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <utility>

namespace hikyaku::cmd {
namespace {

io::Resolver::Settings lookups(const serve::Running& running) {
  io::Resolver::Settings settings;
  settings.forward = running.files.main.text("hikyaku_dns_server").text;
  return settings;
}

}  // namespace

Rehearser::Rehearser(const serve::Running& running) : running_(running), resolver_(lookups(running)) {}

serve::Rehearsal Rehearser::run(const serve::Listener& listener, serve::RehearsalRequest request, Time now) {
  boost::asio::io_context context;
  auto ended =
      boost::asio::co_spawn(context, serve::rehearse(running_, listener, resolver_, std::move(request), now),
                            boost::asio::use_future);
  context.run();
  return ended.get();
}

}  // namespace hikyaku::cmd
