#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "cmd/line_editor.h"
#include "cmd/secret_source.h"
#include "cmd/typed_lines.h"
#include "probe/ldap.h"
#include "probe/lines.h"
#include "probe/opening.h"
#include "probe/record.h"
#include "probe/wire.h"

namespace hikyaku::cmd {

/// A conversation in LDAP, whose messages nobody types: each line is a request in words (bind, search,
/// whoami, unbind, hex), and the answers are shown in words. The wire, the sink and the rest outlive it.
class ProbeLdap {
 public:
  ProbeLdap(probe::Wire& wire, probe::Sink& sink, probe::Elapsed elapsed, std::chrono::milliseconds limit,
            SecretSource& secret)
      : wire_(wire), sink_(sink), elapsed_(std::move(elapsed)), limit_(limit), secret_(secret) {}

  /// TLS as wished: at once, or by the extended operation (RFC 4511 s. 4.14).
  Result<probe::Opening> open(bool tls_at_once, const probe::OpeningWish& wish);
  /// The password of the secret source for that name; empty for no name.
  Result<std::string> password(const std::string& name);
  /// true: bound.
  Result<bool> bind(const std::string& name, const std::string& password);
  /// Reads requests from stdin until its end, or "unbind". An exit code.
  int run(bool on_terminal);

 private:
  Result<void> send(const std::string& octets, std::string told, std::size_t secret_from = std::string::npos);
  /// All that comes to the request `number`; the last message.
  Result<probe::LdapMessage> answer(std::uint32_t number);
  void show(const probe::LdapMessage& message);
  void put(probe::Entry::Kind kind, std::string text);
  /// false: the end.
  Result<bool> request(const std::string& line);
  Result<void> search(std::string_view words);
  Result<void> bind_by_hand(const std::string& name);
  Result<void> send_hex(const std::string& line, std::string_view digits);
  Result<bool> hear();
  Result<std::optional<std::string>> next_line(TypedLines& lines, LineEditor* editor);

  probe::Wire& wire_;
  probe::Sink& sink_;
  probe::Elapsed elapsed_;
  std::chrono::milliseconds limit_;
  SecretSource& secret_;
  std::string input_;
  std::uint32_t number_ = 0;
};

}  // namespace hikyaku::cmd
