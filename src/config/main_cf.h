#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "config/diagnostic.h"
#include "config/expand.h"

namespace hikyaku::config {

/// A fully expanded value ($name done), or one element of a list.
struct Value {
  std::string text;
  Origin origin;  ///< a whole value: where its definition begins; an element: the line that it stands on
  unsigned column = 0;  ///< an element: its first octet in that line, from 1; 0 if not known
};

/// `name = value` from a -o of master.cf: stronger than main.cf for one service.
struct Override {
  std::string name;
  std::string value;  ///< not yet expanded
  Origin origin;      ///< the line of master.cf that it stands on
};

/// An address of the machine and the network that it is in: "192.0.2.7", "192.0.2.0/24"; "::1", "::1/128".
struct Interface {
  std::string address;
  std::string network;
};

/// What the machine says about itself, handed in: defaults depend on it.
struct System {
  std::string hostname = "localhost";             ///< gethostname(): default of myhostname
  std::vector<Interface> interfaces;              ///< default of mynetworks, with mynetworks_style
  std::string config_directory = "/etc/hikyaku";  ///< default of config_directory
};

/// The parameters as one service sees them: main.cf, under its -o overrides, over the built-in defaults.
/// Syntax and meaning are those of Postfix 3.7 (postconf(5)). Everything is expanded and validated when it is
/// made, so that reading cannot fail. Immutable but for set_chroot().
///
/// A `name` handed to a reading member must be in the parameter table (config/parameters.h), or be defined in
/// the file; any other name is a mistake in the program and aborts.
class Main {
 public:
  /// Reads main.cf. `text` is the file's contents, `file_name` its name for messages
  /// ("/etc/postfix/main.cf"). Faults go to `diagnostics`; a faulty value is replaced by its default, so that
  /// the rest can be checked as well. Do not run on the result when diagnostics.failed(). Limits: 1 MiB of
  /// text, 64 KiB a logical line, 256 KiB an expanded value.
  static Main parse(std::string_view text, std::string_view file_name, SourceCatalogue& sources,
                    Diagnostics& diagnostics, const System& system = {});

  /// The same under the overrides of a service. `service_name` is what $service_name stands for.
  Main with_overrides(std::span<const Override> overrides, Diagnostics& diagnostics,
                      std::string_view service_name = {}) const;

  /// The daemons of Postfix that master.cf gives queue_directory for their root: an absolute path of a
  /// filter's socket is below it.
  struct Chroot {
    bool smtpd = false, cleanup = false;
  };
  const Chroot& chroot() const { return chroot_; }
  void set_chroot(Chroot chroot) { chroot_ = chroot; }

  /// Expanded; the built-in default if not set.
  const Value& text(std::string_view name) const;
  /// The parameter of a transport, "smtp_destination_concurrency_limit": its own value if it is set, or else
  /// the value of `default_name` ("default_destination_concurrency_limit").
  const Value& text_or(std::string_view name, std::string_view default_name) const;
  /// Any parameter, also a user-defined one or a restriction class; nullptr if there is none of that name.
  const Value* find(std::string_view name) const;

  /// Written in main.cf or by -o.
  bool is_set(std::string_view name) const;
  /// Where its value is written; a built-in origin for a default.
  Origin origin(std::string_view name) const;

  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  std::int64_t integer_or(std::string_view name, std::string_view default_name) const;
  std::int64_t size(std::string_view name) const;  ///< octets
  std::chrono::seconds duration(std::string_view name) const;
  std::chrono::seconds duration_or(std::string_view name, std::string_view default_name) const;

  /// Split on commas and white space; an element that begins with { goes to its matching }, and keeps its
  /// braces. Each element has the line that it stands on, or, when it came by $name, that of the other
  /// parameter.
  std::vector<Value> list(std::string_view name) const;
  /// The same on any text of one parameter's value, for example the inside of a {} group.
  static std::vector<Value> split(const Value& value);

  /// The names that are written in the file or by -o, sorted, also unknown ones.
  std::vector<std::string> set_names() const;
  /// The names that some value refers to by $name, sorted; for telling a user-defined parameter from a
  /// misspelt one.
  const std::vector<std::string>& referenced_names() const { return referenced_; }
  /// What is written for `name`, before $name is put in; nullptr if it is not set.
  const SourceText* written(std::string_view name) const;

 private:
  struct Written {
    SourceText value;
    SourceText::Place name;  // where the definition begins
  };
  struct Entry {
    SourceText expanded;
    Value value;
    bool set = false;
  };
  class Builder;

  Main() = default;
  const Entry* entry(std::string_view name) const;
  const Entry& need(std::string_view name) const;

  std::map<std::string, Written, std::less<>> written_;  // by the file and -o, raw
  std::map<std::string, Entry, std::less<>> values_;     // all, expanded
  std::vector<std::string> referenced_;
  System system_;
  std::string service_name_;
  Chroot chroot_;
};

}  // namespace hikyaku::config
