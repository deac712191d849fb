#include "io/server_tables.h"

#include <array>
#include <functional>
#include <string>
#include <utility>

#include "base/escape.h"
#include "io/blocking_socket.h"
#include "io/idle_connections.h"
#include "io/thread_confinement.h"
#include "table/lookup_reply.h"

namespace hikyaku::io {
namespace {

using table::Answer;
using Reply = Result<std::optional<std::string>>;

/// How a request is written, and when and what its reply says.
struct Protocol {
  std::function<std::string(std::string_view key)> request;
  /// Reads what came so far; nullopt: more must come. Fault::malformed: it will make no sense.
  std::function<std::optional<Reply>(std::string_view octets)> reply;
};

class ServerTable final : public table::Table {
 public:
  ServerTable(std::string_view spec, std::string endpoint, Protocol protocol, Origin where)
      : name_(spec), endpoint_(std::move(endpoint)), protocol_(std::move(protocol)), where_(where) {}

  Answer find(std::string_view key) const override {
    const auto deadline = std::chrono::steady_clock::now() + kServerPatience;
    // A connection that was idle may have been closed meanwhile: that says nothing about the server.
    if (auto kept = idle_.take()) {
      auto reply = ask(std::move(*kept), key, deadline);
      if (reply) return answer(std::move(*reply));
    }
    auto fresh = by_asker([&] { return BlockingSocket::connect(endpoint_, deadline); });
    if (!fresh) return fail(Fault::temporary, fresh.error().text);
    auto reply = ask(std::move(*fresh), key, deadline);
    if (!reply) return fail(Fault::temporary, "asking " + endpoint_ + ": " + reply.error().text);
    return answer(std::move(*reply));
  }
  Kind kind() const override { return Kind::pattern; }
  const std::string& name() const override { return name_; }
  bool asks_others() const override { return true; }

 private:
  Answer answer(Reply reply) const {
    if (!reply) return fail(Fault::temporary, "asking " + endpoint_ + ": " + reply.error().text);
    if (!*reply) return std::optional<table::Found>{};
    return std::optional(table::Found{std::move(**reply), where_});
  }

  /// An Error: there was no whole reply, and the connection is gone.
  Result<Reply> ask(BlockingSocket socket, std::string_view key, BlockingSocket::Deadline deadline) const {
    if (auto sent = socket.write_all(protocol_.request(key), deadline); !sent)
      return std::unexpected(std::move(sent.error()));
    std::string octets;
    std::array<char, 4096> room{};
    for (;;) {
      auto got = socket.read_some(room, deadline);
      if (!got) return std::unexpected(std::move(got.error()));
      if (*got == 0) return fail(Fault::temporary, "the server closed the connection");
      octets.append(room.data(), *got);
      auto reply = protocol_.reply(octets);
      if (!reply) continue;
      // After nonsense nobody knows what comes next.
      if (*reply || reply->error().fault != Fault::malformed) idle_.put(std::move(socket));
      return std::move(*reply);
    }
  }

  std::string name_, endpoint_;
  Protocol protocol_;
  Origin where_;
  mutable IdleConnections<BlockingSocket> idle_;
};

std::optional<Reply> socketmap_reply(std::string_view octets) {
  auto framed = table::read_netstring(octets, table::kSocketmapReplyLimit);
  if (!framed) return Reply(std::unexpected(std::move(framed.error())));
  if (!*framed) return std::nullopt;
  return table::read_socketmap_reply(**framed);
}

std::optional<Reply> tcp_reply(std::string_view octets) {
  const auto end = octets.find('\n');
  if (end != std::string_view::npos) return table::read_tcp_reply(octets.substr(0, end));
  if (octets.size() > table::kTcpReplyLimit)
    return Reply(fail(Fault::malformed, "the server's answer is longer than 4096 octets"));
  return std::nullopt;
}

}  // namespace

Result<std::shared_ptr<const table::Table>> open_socketmap(std::string_view spec, std::string_view name,
                                                           Origin where) {
  const auto colon = name.rfind(':');
  const bool known = name.starts_with("inet:") || name.starts_with("unix:");
  const auto endpoint = name.substr(0, colon);
  if (!known || colon == std::string_view::npos || colon + 1 == name.size() || endpoint.size() <= 5 ||
      (name.starts_with("inet:") && endpoint.find(':', 5) == std::string_view::npos)) {
    return fail(Fault::malformed,
                escaped(spec, 200) + ": write socketmap:inet:host:port:map or socketmap:unix:/path:map");
  }
  Protocol protocol{[map = std::string(name.substr(colon + 1))](std::string_view key) {
                      return table::netstring(map + " " + std::string(key));
                    },
                    socketmap_reply};
  return std::make_shared<ServerTable>(spec, std::string(endpoint), std::move(protocol), where);
}

Result<std::shared_ptr<const table::Table>> open_tcp_table(std::string_view spec, std::string_view name,
                                                           Origin where) {
  const auto colon = name.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == name.size())
    return fail(Fault::malformed, escaped(spec, 200) + ": write tcp:host:port");
  return std::make_shared<ServerTable>(spec, "inet:" + std::string(name),
                                       Protocol{table::tcp_request, tcp_reply}, where);
}

}  // namespace hikyaku::io
