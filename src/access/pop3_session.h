#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "access/maildrop.h"
#include "access/message_encoder.h"
#include "access/pop3_command.h"
#include "access/pop3_settings.h"
#include "smtp/input_buffer.h"

namespace hikyaku::access {

/// The server's end of one POP3 conversation (RFC 1939, 2449, 2595, 3206, 5034). Pure: bytes in, events and
/// bytes out; no socket, clock or store. Not thread-safe.
///
/// Loop: next(); handle the event and answer it where it asks for that; at NeedBytes, Send, StartTls and
/// Close send take_output(), at NeedBytes feed() what arrived next. Feed only when next() said NeedBytes:
/// then the input kept is never more than a line and one feed, and the output never more than
/// Settings::output, two pieces and a line.
///
/// Lines end in CR LF and nothing else; a bare CR, a bare LF or a NUL in a command ends the session.
class Pop3Session {
 public:
  using Settings = Pop3Settings;

  /// What is known of this client from outside the talk.
  struct Client {
    bool tls = false;  ///< TLS is active already (wrapper mode)
  };

  struct NeedBytes {};
  /// No answer. There is much to be sent: send take_output() first.
  struct Send {};
  /// No answer. Send take_output(), make the handshake, then call tls_started(). Bytes that were fed before
  /// are gone, and what the client said is forgotten (RFC 2595 s. 4).
  struct StartTls {};
  /// One of the mechanisms offered; USER and PASS come as PLAIN. Answer: challenge(), open() or refuse().
  struct Auth {
    std::string mechanism;               ///< upper case
    std::optional<std::string> initial;  ///< decoded
  };
  /// The answer to a challenge, decoded. Answer as Auth.
  struct AuthAnswer {
    std::string octets;
  };
  /// No answer: the client gave up ("*"), or its answer was no base64. Drop the exchange.
  struct AuthCancelled {};
  /// A part of a message is wanted: `length` octets of it from `offset`, which is within its size. Answer:
  /// content(), or refuse().
  struct Read {
    std::uint32_t uid;
    std::uint64_t offset;
    std::size_t length;
  };
  /// QUIT: these messages are to be deleted, all or none. Never empty. Answer: updated() once that is
  /// durable, or refuse().
  struct Update {
    std::vector<std::uint32_t> uids;
  };
  /// The last event: send take_output(), then close. `reason` is for the log, escaped: "quit", "too many
  /// errors".
  struct Close {
    std::string reason;
  };

  using Event = std::variant<NeedBytes, Send, StartTls, Auth, AuthAnswer, AuthCancelled, Read, Update, Close>;

  /// `settings` must outlive the session.
  Pop3Session(const Settings& settings, Client client) : settings_(&settings), tls_(client.tls) {}

  /// Copies what arrived into the session.
  void feed(std::string_view bytes) { in_.append(bytes); }
  /// The same without the copy: room for at least `size` octets to read into, then the number that came.
  std::span<char> prepare(std::size_t size) { return in_.prepare(size); }
  void commit(std::size_t size) { in_.commit(size); }

  [[nodiscard]] Event next();
  /// Answers Auth or AuthAnswer with a challenge, not yet encoded.
  void challenge(std::string_view octets);
  /// Answers Auth or AuthAnswer: this is who the client says, and here is the mailbox.
  void open(Maildrop maildrop);
  /// Answers Auth, AuthAnswer, Read or Update with -ERR. `text` begins with a response code where one fits:
  /// "[IN-USE] ...", "[AUTH] ...", "[SYS/TEMP] ..." (RFC 2449 s. 8, RFC 3206 s. 4). A Read of an offset
  /// behind 0 can't be refused in words any more: the session ends.
  void refuse(std::string_view text);
  /// Answers Read. Less than was asked for is taken, and the rest asked for again; nothing at all is as
  /// refuse().
  void content(std::string_view octets);
  /// Answers Update.
  void updated();
  void tls_started();

  /// Everything to be sent so far, in order.
  [[nodiscard]] std::string take_output() { return std::exchange(out_, {}); }
  bool has_output() const { return !out_.empty(); }

  /// The driver has to end the talk. No message is deleted. `text` goes behind "-ERR "; empty: nothing is
  /// said, as RFC 1939 s. 3 wants it after a timeout. Then next() gives Close.
  void shut_down(std::string_view text, std::string reason);

  bool tls() const { return tls_; }
  const Maildrop& maildrop() const { return maildrop_; }
  /// What the session did, for the log.
  struct Totals {
    std::uint64_t retrieved = 0;         ///< messages that were sent whole
    std::uint64_t retrieved_octets = 0;  ///< by RETR, also in part
    std::uint64_t deleted = 0;           ///< durably
  };
  const Totals& totals() const { return totals_; }

 private:
  enum class Phase : unsigned char {
    start,
    authorization,  // RFC 1939 s. 4
    auth_answer,
    transaction,  // s. 5
    listing,
    message,
    closed,
    // These wait for the driver's answer to an event.
    tls,
    auth,
    read,
    update,
  };
  using Next = std::optional<Event>;  ///< nothing: go on with what is in the input

  Next step();
  Next read_command();
  Next read_auth_answer();
  /// The next line without its CRLF. Nothing: none is there yet, or the session has ended.
  std::optional<std::string_view> take_line(std::size_t limit, Next& event);
  void go_on_listing();
  Next go_on_message();

  Next run(const Pop3Command& command);
  Next run_before_login(const Pop3Command& command);
  Next run_after_login(const Pop3Command& command);
  void run_capa();
  void run_user(std::string_view name);
  Next run_pass(std::string_view password);
  Next run_auth(std::string_view arguments);
  Next run_stls();
  void run_list(std::string_view arguments, bool unique_ids);
  Next run_retr(std::string_view arguments);
  Next run_top(std::string_view arguments);
  void run_dele(std::string_view arguments);
  Next run_quit();
  /// The number of a message that is there and not marked; -ERR has been said if it is nothing.
  std::optional<std::size_t> take_number(std::string_view word);
  Next send_message(std::size_t number, std::optional<std::uint64_t> body_lines);

  bool may_log_in() const { return tls_ || !settings_->tls_auth_only; }
  bool offers_passwords() const;
  bool offers_tls() const { return settings_->tls && !tls_; }
  const std::vector<std::string>& mechanisms() const {
    return tls_ ? settings_->tls_mechanisms : settings_->mechanisms;
  }

  void ok(std::string_view text);
  void ok_maildrop();
  void error(std::string_view text);
  /// An error of the client; too many end the session.
  void fault(std::string_view text);
  void end_session(std::string reason);

  const Settings* settings_;
  smtp::InputBuffer in_;
  std::string out_;
  std::string user_;  // of USER, until PASS
  std::string close_reason_;
  Maildrop maildrop_;
  Totals totals_;

  std::size_t number_ = 0;  // of the message that is sent, or the next one that is listed
  std::uint64_t offset_ = 0;
  MessageEncoder encoder_;
  unsigned errors_ = 0;
  Phase phase_ = Phase::start;
  bool tls_;
  bool unique_ids_ = false, whole_ = false, closing_ = false;
};

}  // namespace hikyaku::access
