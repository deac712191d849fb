#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "base/result.h"
#include "config/diagnostic.h"
#include "policy/applicable_condition.h"
#include "table/table.h"

// The settings of `hikyaku milters serve`, whether they come from milter-manager.conf (milter_manager_conf.h)
// or from main.cf (multiplexer_parameters.h). Immutable values; no Ruby in them.
namespace hikyaku::config {

/// A value and where it was written; a built-in origin for a default.
template <class T>
struct Setting {
  T value{};
  Origin origin{};
  const T& operator*() const { return value; }
  const T* operator->() const { return &value; }
};

/// What is done with a session, or a message, where a filter gives no verdict.
enum class FallbackStatus : unsigned char { accept, temporary_failure, reject, discard };
/// "temporary-failure"
std::string_view text(FallbackStatus status);
std::optional<FallbackStatus> fallback_status(std::string_view word);

/// A socket as filters and MTAs write it.
struct ConnectionSpec {
  enum class Family : unsigned char { local, inet, inet6 };
  Family family = Family::inet;
  std::string path = {};  ///< local: of the socket
  std::string host = {};  ///< a name, or an address without brackets; empty: all interfaces, or localhost for
                          ///< who connects
  std::uint16_t port = 0;  ///< not 0
  /// Reads "unix:PATH", "local:PATH", "inet:PORT", "inet:PORT@HOST", "inet:PORT@[ADDRESS]", "inet6:..." and
  /// Postfix's "inet:HOST:PORT". Fails with Fault::malformed, saying what to write.
  static Result<ConnectionSpec> parse(std::string_view text);
  /// "inet:10025@[127.0.0.1]"; parses back to itself.
  std::string text() const;
  bool operator==(const ConnectionSpec&) const = default;
};

/// How a socket is made that others connect to.
struct ListenerSettings {
  std::optional<Setting<ConnectionSpec>> connection;
  Setting<unsigned> unix_socket_mode{0660};
  Setting<std::string> unix_socket_group;  ///< empty: the process's
  Setting<bool> remove_unix_socket_on_create{true};
  Setting<bool> remove_unix_socket_on_close{true};
};

/// One filter (child).
struct ChildSettings {
  std::string name;
  Origin origin;  ///< the definition that made it
  Setting<ConnectionSpec> connection;
  std::optional<Setting<ConnectionSpec>> second_connection;  ///< ours: tried when the first can't be reached
  Setting<std::string> description;
  Setting<bool> enabled{true};
  Setting<FallbackStatus> fallback_status{FallbackStatus::accept};
  Setting<bool> evaluation_mode{false};
  struct Condition {
    std::size_t number;  ///< of MultiplexerSettings::conditions
    Origin origin;       ///< where it was given to this child
  };
  std::vector<Condition> conditions;
  /// The numbers alone, as ApplicableConditions wants them.
  std::vector<std::size_t> uses() const;
  Setting<std::vector<std::string>> command;          ///< its words: starts the filter; empty: none
  Setting<std::vector<std::string>> command_options;  ///< more words
  Setting<std::string> user_name;                     ///< that runs the command; empty: the process's
  Setting<std::string> working_directory;             ///< ours: of the command; empty: /
  Setting<std::chrono::milliseconds> connection_timeout{std::chrono::seconds(297)};
  Setting<std::chrono::milliseconds> writing_timeout{std::chrono::seconds(7)};
  Setting<std::chrono::milliseconds> reading_timeout{std::chrono::seconds(7)};
  Setting<std::chrono::milliseconds> end_of_message_timeout{std::chrono::seconds(297)};
  Setting<std::size_t> max_connections{0};   ///< ours: the budget; 0: no limit
  Setting<std::size_t> breaker_failures{0};  ///< ours: failures in a row that open the breaker; 0: never
  Setting<std::chrono::milliseconds> breaker_time{
      std::chrono::seconds(30)};  ///< ours: until it is tried again
  /// ours: headers that filters before it add are not waited for, and not seen
  Setting<bool> ignore_added_headers{false};
  Setting<bool> tell_ahead{true};  ///< ours: several events are told at once (milter::Multiplexer)
};

struct MultiplexerSettings {
  ListenerSettings manager;     ///< connection is always there
  ListenerSettings controller;  ///< where `hikyaku milters stats` asks; no connection: nowhere
  Setting<std::string> pid_file;
  Setting<bool> daemon{false};
  Setting<FallbackStatus> fallback_status{FallbackStatus::accept};
  Setting<FallbackStatus> fallback_status_at_disconnect{FallbackStatus::temporary_failure};
  Setting<std::size_t> max_connections{0};       ///< sessions at once; 0: no limit
  Setting<std::size_t> max_file_descriptors{0};  ///< 0: as the system has it
  Setting<std::chrono::milliseconds> suspend_time_on_unacceptable{std::chrono::seconds(5)};
  Setting<std::size_t> n_workers{0};  ///< threads; 0: one for each processor
  Setting<std::size_t> chunk_size{65535};
  Setting<bool> privilege_mode{false};  ///< children may be started by their command
  Setting<std::string> effective_user, effective_group;
  Setting<std::string> log_level{"default"};
  Setting<std::string> log_path;
  Setting<bool> use_syslog{true};
  Setting<std::string> syslog_facility{"mail"};

  /// Sessions from which on it is stress; 0: never.
  Setting<std::size_t> stress_threshold{0};

  std::vector<ChildSettings> children;  ///< in order, the disabled ones too
  policy::ApplicableConditions conditions;
  std::vector<std::string> dns_servers;  ///< that DNS lists are asked at; empty: the system's

  /// As milter-manager has it with nothing set: inet:10025@[127.0.0.1], no children.
  static MultiplexerSettings defaults();
};

/// What a configuration finds besides its own text.
struct Surroundings {
  Setting<std::size_t> stress = {};  ///< sessions from which on it is stress where it does not say
  table::Opener* tables = nullptr;   ///< nullptr: tables can't be had
};

/// What can only be seen when all is known: no two listeners on one socket, a child without a socket that it
/// is reached at. Adds to `diagnostics`.
void check(const MultiplexerSettings& settings, Diagnostics& diagnostics);

}  // namespace hikyaku::config
