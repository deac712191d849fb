#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/script_pattern.h"

namespace hikyaku::probe {

/// Where a secret comes from.
struct SecretPlace {
  enum class Kind : unsigned char { file, environment };
  Kind kind = Kind::file;
  std::string name;
  /// "file:PATH", "env:NAME"
  static Result<SecretPlace> parse(std::string_view text);
};

/// One line of a script.
struct ScriptStep {
  enum class Kind : unsigned char {
    send,          ///< "C: text": a line, CRLF behind it
    send_octets,   ///< "C| text": octets as they are
    expect,        ///< "S: pattern", "S~ regex": the next line of the server
    expect_all,    ///< "S* pattern": all lines from here on that are so, perhaps none
    answer_has,    ///< "S+ pattern": a line of the next whole answer; several in a row are about the same
                   ///< answer
    answer_lacks,  ///< "S- pattern": no line of it
    start_tls,     ///< "@ starttls": the protocol's command, and a handshake
    handshake,     ///< "@ tls": the handshake alone
    authenticate,  ///< "@ auth MECHANISM USER file:PATH|env:NAME [refused]"
    set,           ///< "@ set NAME text"
    secret,        ///< "@ secret NAME file:PATH|env:NAME"
    timeout,       ///< "@ timeout 500ms|5s|1m": for what is expected from here on
    closed,        ///< "@ closed": the server ends the connection
    quiet,         ///< "@ quiet 500ms": it says nothing
  };
  Kind kind = Kind::send;
  int line = 0;       ///< of the file, from 1
  std::string about;  ///< the comment before it: what is checked
  ScriptText text;    ///< send, send_octets, set, and the user of authenticate
  ScriptPattern pattern;
  std::string name;  ///< of a variable, or a mechanism
  SecretPlace secret;
  std::chrono::milliseconds time{0};
  bool refused = false;  ///< authenticate: the server must not accept it
  /// As it stands in the file.
  std::string written;
};

/// A dialogue that is expected of a server.
class Script {
 public:
  static constexpr std::size_t kLongest = std::size_t{1} << 20, kMostSteps = 10'000;
  /// Lines as above; '#' begins a comment line, empty lines say nothing. Fails with Fault::malformed and
  /// names the line. Pure; O(size).
  static Result<Script> parse(std::string_view text);
  const std::vector<ScriptStep>& steps() const { return steps_; }

 private:
  std::vector<ScriptStep> steps_;
};

}  // namespace hikyaku::probe
