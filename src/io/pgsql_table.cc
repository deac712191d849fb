#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "base/escape.h"
#include "io/idle_connections.h"
#include "io/server_tables.h"
#include "io/sql_table.h"
#include "io/sql_tables.h"
#include "table/fold.h"

namespace hikyaku::io {
namespace {

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
using Rows = std::unique_ptr<PGresult, Clear>;
using Deadline = std::chrono::steady_clock::time_point;

/// The messages of libpq end in line ends.
std::string message_of(const PGconn* connection) {
  std::string text = PQerrorMessage(connection);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

struct Server {
  std::string host, port;  ///< or a whole connection URI in `host`
};

/// "host", "host:port", "inet:host:port", "unix:/folder/.s.PGSQL.5432", "postgresql://…".
Server server_of(std::string text) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kInet = "inet:";
  if (text.find("://") != std::string::npos) return {std::move(text), {}};
  if (text.starts_with(kUnix)) {
    text.erase(0, kUnix.size());
    constexpr std::string_view kSocket = "/.s.PGSQL.";
    if (const auto at = text.rfind(kSocket); at != std::string::npos)
      return {text.substr(0, at), text.substr(at + kSocket.size())};
    return {std::move(text), {}};
  }
  if (text.starts_with(kInet)) text.erase(0, kInet.size());
  if (const auto colon = text.rfind(':'); colon != std::string::npos)
    return {text.substr(0, colon), text.substr(colon + 1)};
  return {std::move(text), {}};
}

class PgsqlTable final : public SqlTable {
 public:
  struct Login {
    std::vector<Server> servers;
    std::string user, password, database, encoding;
  };
  PgsqlTable(Settings settings, Login login) : SqlTable(std::move(settings)), login_(std::move(login)) {}

 protected:
  Values rows(const std::string& query) const override {
    const auto deadline = std::chrono::steady_clock::now() + kServerPatience;
    if (auto kept = idle_.take()) {
      auto values = run(*kept, query, deadline);
      const bool alive = PQstatus(kept->get()) == CONNECTION_OK;
      if (values || alive) {
        if (values) idle_.put(std::move(*kept));
        return values;
      }
    }
    auto connection = connect(deadline);
    if (!connection) return std::unexpected(std::move(connection.error()));
    auto values = run(*connection, query, deadline);
    if (values) idle_.put(std::move(*connection));
    return values;
  }

 private:
  static Result<void> wait(PGconn* connection, short events, Deadline deadline) {
    pollfd one{PQsocket(connection), events, 0};
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
      const int ready = left <= 0 ? 0 : ::poll(&one, 1, static_cast<int>(left));
      if (ready > 0) return {};
      if (ready == 0) return fail(Fault::temporary, "no answer in time");
    }
  }

  Result<Connection> connect(Deadline deadline) const {
    Error last{Fault::temporary, name() + ": there are no hosts"};
    const auto first = next_server_++;
    for (std::size_t i = 0; i < login_.servers.size(); ++i) {
      auto connection = connect(login_.servers[(first + i) % login_.servers.size()], deadline);
      if (connection) return connection;
      last = std::move(connection.error());
    }
    return std::unexpected(std::move(last));
  }

  Result<Connection> connect(const Server& server, Deadline deadline) const {
    const bool uri = server.host.find("://") != std::string::npos;
    std::vector<const char*> names{"dbname", "client_encoding", "options", "application_name"};
    std::vector<const char*> values{uri ? server.host.c_str() : login_.database.c_str(),
                                    login_.encoding.c_str(), "-c standard_conforming_strings=on", "hikyaku"};
    const auto add = [&](const char* name, const std::string& value) {
      if (value.empty()) return;
      names.push_back(name);
      values.push_back(value.c_str());
    };
    if (!uri) {
      add("host", server.host);
      add("port", server.port);
    }
    add("user", login_.user);
    add("password", login_.password);
    names.push_back(nullptr);
    values.push_back(nullptr);
    Connection connection(PQconnectStartParams(names.data(), values.data(), 1));
    const std::string what = name() + ": connect to " + (uri ? "the server of its URI" : server.host) + ": ";
    if (!connection) return fail(Fault::temporary, what + "out of memory");
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;
         state = PQconnectPoll(connection.get())) {
      if (state == PGRES_POLLING_FAILED || PQstatus(connection.get()) == CONNECTION_BAD)
        return fail(Fault::temporary, what + message_of(connection.get()));
      const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
      if (auto ready = wait(connection.get(), events, deadline); !ready)
        return fail(Fault::temporary, what + ready.error().text);
    }
    return connection;
  }

  Values run(const Connection& connection, const std::string& text, Deadline deadline) const {
    auto* server = connection.get();
    const auto trouble = [&](const std::string& why) {
      return fail(Fault::temporary, name() + ": the query failed: " + why);
    };
    if (PQsendQuery(server, text.c_str()) == 0) return trouble(message_of(server));
    std::vector<std::string> values;
    std::string failure;
    for (;;) {
      while (PQisBusy(server) != 0) {
        if (auto ready = wait(server, POLLIN, deadline); !ready) return trouble(ready.error().text);
        if (PQconsumeInput(server) == 0) return trouble(message_of(server));
      }
      const Rows result(PQgetResult(server));
      if (result == nullptr) break;
      if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) {
        failure = message_of(server);
        continue;
      }
      for (int row = 0; row < PQntuples(result.get()); ++row) {
        if (PQgetisnull(result.get(), row, 0) != 0) continue;
        values.emplace_back(PQgetvalue(result.get(), row, 0),
                            static_cast<std::size_t>(PQgetlength(result.get(), row, 0)));
      }
    }
    if (!failure.empty()) return trouble(failure);
    return values;
  }

  Login login_;
  mutable std::atomic<std::size_t> next_server_{0};
  mutable IdleConnections<Connection> idle_;
};

}  // namespace

Result<std::shared_ptr<const table::Table>> open_pgsql_table(std::string_view spec,
                                                             table::SourceSettings& settings,
                                                             table::Opener& opener) {
  auto sql = SqlTable::settings(spec, settings, opener);
  if (!sql) return std::unexpected(std::move(sql.error()));
  PgsqlTable::Login login;
  for (auto& host : settings.list("hosts")) login.servers.push_back(server_of(std::move(host)));
  if (login.servers.empty()) login.servers.push_back({"localhost", {}});
  login.user = settings.text("user");
  login.password = settings.text("password");
  login.database = settings.text("dbname");
  login.encoding = settings.text("encoding", "UTF8");
  // In these a backslash or a quote may be the second octet of a character, and quoting is not enough.
  for (const std::string_view unsafe : {"BIG5", "GB18030", "GBK", "JOHAB", "SJIS", "SHIFT_JIS_2004", "UHC"}) {
    if (table::equal_ascii_nocase(login.encoding, unsafe))
      return fail(Fault::malformed, "encoding = " + login.encoding + ": use UTF8");
  }
  return std::make_shared<PgsqlTable>(std::move(*sql), std::move(login));
}

}  // namespace hikyaku::io
