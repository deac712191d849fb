#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

struct LogSettings {
  enum class Form : unsigned char { postfix, json };
  std::string file;  ///< maillog_file; "-" or "/dev/stderr": stderr; empty: the journal (syslog)
  Form form = Form::postfix;
  std::string hostname;          ///< for the lines of a file
  std::string name = "hikyaku";  ///< syslog_name: lines are of "name/tag[pid]"
  bool tags = true;              ///< false: of "name[pid]", whatever the tag
};

/// The mail log: one line an event, in the form that people's tools know, "Nov 24 23:48:20 mx
/// hikyaku/smtpd[17]: connect from …", or as JSON objects. Lines are handed to a thread of its own: no call
/// waits for a disk. A file that was moved away or removed (logrotate) is begun anew under its name. When the
/// line is full the newest are dropped, and their number is told later. The text must have been escaped by
/// the caller. Thread-safe.
class Log {
 public:
  static Result<std::unique_ptr<Log>> open(const LogSettings& settings);
  ~Log();

  void info(std::string_view tag, std::string_view text) { write(Level::info, tag, text); }
  void warning(std::string_view tag, std::string_view text) { write(Level::warning, tag, text); }
  void error(std::string_view tag, std::string_view text) { write(Level::error, tag, text); }
  /// What syslog gets lines under from now on: one of syslog(3)'s facilities in small letters, "mail" at
  /// first; "none": it gets none. A file and stderr get them all.
  void set_facility(std::string_view name);
  /// All lines so far are in the file. For the end of the program.
  void flush();

 private:
  enum class Level : unsigned char { info, warning, error };
  struct State;
  explicit Log(std::unique_ptr<State> state);
  void write(Level level, std::string_view tag, std::string_view text);
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::io
