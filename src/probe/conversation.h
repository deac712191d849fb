#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "probe/dialogue.h"
#include "probe/lines.h"
#include "probe/record.h"
#include "probe/wire.h"

namespace hikyaku::probe {

/// A conversation in lines over one wire: what goes and what comes is recorded, and read as answers. Wire and
/// sink outlive it. Not thread-safe.
class Conversation {
 public:
  /// `limit` is the time for a whole answer. Not for Speech::ldap.
  Conversation(Wire& wire, Sink& sink, Speech speech, Elapsed elapsed, std::chrono::milliseconds limit)
      : wire_(wire),
        sink_(sink),
        elapsed_(elapsed),
        limit_(limit),
        lines_(wire, std::move(elapsed)),
        dialogue_(Dialogue::make(speech)) {}

  /// Sends a line and CRLF behind it. `text` may be anything: what is no line is sent as it is.
  Result<void> send_line(std::string_view text);
  /// Sends octets without a line end and without reading them as a line; `told` is what the record has.
  Result<void> send_octets(std::string_view octets, std::string_view told);
  /// Sends octets that may be many lines: those that CRLF ends are followed, and their secrets marked, as if
  /// each had been sent alone.
  Result<void> send_raw(std::string_view octets);
  /// Waits for the next whole answer. Fault::temporary: it did not come in time, or the connection ended;
  /// Fault::malformed: a line without an end. What came until then is in the record.
  Result<Answer> answer();
  /// send_line() and answer().
  Result<Answer> ask(std::string_view text);
  /// Reads and records what is there without waiting for more than `within`: one line at most. For a
  /// conversation that somebody types.
  Result<LineReader::Got> hear(std::chrono::milliseconds within);

  void note(std::string text) { put(Entry::Kind::note, std::move(text)); }
  void failure(std::string text) { put(Entry::Kind::failure, std::move(text)); }

  /// The handshake. Notes the octets that were injected before it and forgets them; `injected` has their
  /// number. The dialogue begins anew.
  Result<TlsReport> start_tls(const TlsWish& wish, std::size_t& injected);

  /// A tag for a command of IMAP that no person types: "hk1", "hk2", …
  std::string tag() { return "hk" + std::to_string(++tags_); }

  Wire& wire() { return wire_; }
  LineReader& lines() { return lines_; }
  Dialogue& dialogue() { return *dialogue_; }
  std::chrono::milliseconds limit() const { return limit_; }
  const Elapsed& elapsed() const { return elapsed_; }
  /// The server ended the stream.
  bool closed() const { return closed_; }
  /// The line that was sent last had a secret in it.
  bool sent_secret() const { return sent_secret_; }

 private:
  void put(Entry::Kind kind, std::string text);
  void follow(std::string_view line);

  Wire& wire_;
  Sink& sink_;
  Elapsed elapsed_;
  std::chrono::milliseconds limit_;
  LineReader lines_;
  std::unique_ptr<Dialogue> dialogue_;
  bool closed_ = false, sent_secret_ = false;
  unsigned tags_ = 0;
};

}  // namespace hikyaku::probe
