#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "probe/protocol.h"
#include "probe/record.h"

namespace hikyaku::probe {

/// What a server answered to one request, or its greeting.
struct Answer {
  enum class Verdict : unsigned char {
    good,             ///< 1xx, 2xx, OK, +OK
    more,             ///< it wants more: 3xx, "+ …", a challenge
    refused_for_now,  ///< 4xx, TRYLATER
    refused,          ///< 5xx, NO, BAD, -ERR, BYE
    none,             ///< it is no answer of this protocol
  };
  static constexpr std::size_t kMostLines = 1000;
  static constexpr std::size_t kMostOctets = std::size_t{1} << 20;

  Verdict verdict = Verdict::none;
  int code = 0;  ///< of SMTP, LMTP, FTP, HTTP; else 0
  std::vector<std::string>
      lines;               ///< as they came, without line ends; what is beyond the limits is not there
  std::size_t octets = 0;  ///< of `lines`
  bool taken() const { return verdict == Verdict::good || verdict == Verdict::more; }
  bool denied() const { return verdict == Verdict::refused || verdict == Verdict::refused_for_now; }
};

/// Follows a conversation line by line, whoever types: whose turn it is, which lines are an answer together,
/// what is a secret, and what base64 in a line says. It never judges what the client sends. Pure.
class Dialogue {
 public:
  static std::unique_ptr<Dialogue> make(Speech speech);  ///< not for ldap, which has no lines: nullptr

  Dialogue() = default;
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;
  virtual ~Dialogue() = default;

  /// A line goes to the server, with CRLF behind it. Marks what of the entry is secret, and decodes.
  virtual void sent(Entry& entry) = 0;
  /// A line came, with so many octets of line end. Marks refusals, and decodes.
  virtual void received(Entry& entry, std::size_t end_octets) = 0;
  /// The server ended the stream, which may be the end of an answer.
  virtual void ended() {}
  /// Whether the server must say something before the next line makes sense. Not within the content of a
  /// message, nor within a literal that was let through.
  virtual bool waits() const = 0;
  /// Octets of the server that need no line end; npos: lines.
  virtual std::size_t octets_left() const { return std::string::npos; }
  /// The client's next line is part of a message or of a literal: it may begin with anything.
  virtual bool in_content() const { return false; }
  /// The client's next line is a password alone, to be typed without an echo.
  virtual bool next_is_secret() const { return false; }
  /// TLS has begun: what was under way is forgotten. A server that greets again is waited for.
  virtual void restart() = 0;

  /// Answers that were complete since the beginning, and the last of them.
  std::size_t answers() const { return answers_; }
  const Answer& last() const { return last_; }

 protected:
  void add_line(std::string_view text);
  void complete(Answer::Verdict verdict, int code = 0);

 private:
  Answer begun_, last_;
  std::size_t answers_ = 0;
};

std::unique_ptr<Dialogue> make_code_dialogue(Speech speech);  ///< smtp, lmtp, ftp
std::unique_ptr<Dialogue> make_imap_dialogue();
std::unique_ptr<Dialogue> make_pop3_dialogue();
std::unique_ptr<Dialogue> make_sieve_dialogue();
std::unique_ptr<Dialogue> make_http_dialogue();

}  // namespace hikyaku::probe
