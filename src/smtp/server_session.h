#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "mail/parameters.h"
#include "mail/path.h"
#include "smtp/content_reader.h"
#include "smtp/input_buffer.h"
#include "smtp/reply.h"
#include "smtp/server_settings.h"

namespace hikyaku::smtp {

/// The server's end of one SMTP or LMTP conversation (RFC 5321, 2033, 1870, 1985, 2034, 2920, 3030, 3207,
/// 3461, 4954, 6152, 6531; XCLIENT). Pure: bytes in, events and bytes out; no socket, clock or lookup.
/// Not thread-safe.
///
/// Loop: next(); handle the event and answer it where it asks for that; at NeedBytes, StartTls and Close
/// send take_output(), at NeedBytes feed() what arrived next. Feed only when next() said NeedBytes: then the
/// input kept is never more than a line and one feed, and replies leave in the groups of RFC 2920.
///
/// Line ends are CR LF and nothing else. A bare CR, a bare LF or a NUL ends the session: at once in a
/// command; in a message after its true end, CR LF "." CR LF, with the message dropped.
class ServerSession {
 public:
  using Settings = ServerSettings;

  /// What is known of this client from outside the talk.
  struct Client {
    bool tls = false;          ///< TLS is active already (wrapper mode)
    bool xclient = false;      ///< may use XCLIENT (smtpd_authorized_xclient_hosts)
    bool offer_auth = true;    ///< not in smtpd_sasl_exceptions_networks
    EhloKeywords discard{};    ///< smtpd_discard_ehlo_keyword_address_maps, on top of the settings'
    bool ask_unknown = false;  ///< Unknown events are wanted, for milters
  };

  struct NeedBytes {};
  /// The first event. Answer: 220 sends the banner (the text is not used); any other reply is sent instead of
  /// it, and the session ends (421, 521) or only waits for QUIT (554; RFC 5321 s. 3.1).
  struct Connected {};
  /// Answer: 250 (the text is not used: the session writes it with its keywords), or a refusal.
  struct Hello {
    enum class Verb : unsigned char { helo, ehlo, lhlo };
    Verb verb;
    std::string name;  ///< as the client gave it, never empty, without blanks at the ends
  };
  /// No answer. Send take_output(), make the handshake, then call tls_started(). Bytes that were fed before
  /// are gone, and everything that the client said is forgotten (RFC 3207 s. 4.2), as if by Reset.
  struct StartTls {};
  /// One of the mechanisms offered. Answer: challenge(), or reply(): 235 2.7.0, 535 5.7.8, 454 4.7.0, 501.
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
  /// The same as it stood in the command, "<a@b>" and "SIZE=1 BODY=8BITMIME". Until the next feed() or
  /// prepare().
  struct AsWritten {
    std::string_view path, parameters;
  };
  /// MAIL FROM. Answer: 250 2.1.0, or a refusal. The size is within the limit.
  struct Sender {
    mail::Path path;
    mail::MailParameters parameters;
    AsWritten as_written;
  };
  /// RCPT TO. Answer: 250 2.1.5, or a refusal. Never the null path.
  struct Recipient {
    mail::Path path;
    mail::RecipientParameters parameters;
    AsWritten as_written;
  };
  /// DATA, or the first BDAT of a message. At least one recipient was accepted. Answer: 354 (the text is not
  /// used), or a refusal; with a refusal, the transaction is over.
  struct Data {
    bool chunked;
  };
  /// No answer. Octets of the message, unstuffed, lines ending in CR LF (a line may be cut anywhere). Never
  /// empty. Valid until the next call of a member. Together never more than the size limit.
  struct Content {
    std::string_view octets;
  };
  /// The message is complete and well-formed, and ends in CR LF if it is not empty. Answer: SMTP one reply,
  /// 250 2.0.0 only once it is safe; LMTP one for each accepted recipient, in their order.
  struct ContentEnd {
    std::uint64_t size;
  };
  /// No answer. The message is refused (too large, bare CR, LF or NUL, a wrong BDAT): drop what came of it.
  /// The session reads on to its end and answers by itself.
  struct ContentRefused {
    Reply reply;
  };
  /// No answer. What came of the transaction is void: RSET after an accepted sender. Hello, StartTls and
  /// Xclient void a transaction as well, without this event.
  struct Reset {};
  /// VRFY. Answer: 252 2.0.0, 250 or a refusal.
  struct Verify {
    std::string text;
  };
  /// ETRN. Answer: 250 2.0.0 and others of RFC 1985 s. 5.3.
  struct Etrn {
    std::string text;
  };
  /// XCLIENT of a trusted peer. Answer: 220: everything is forgotten and the banner sent again, as if the
  /// client had just connected (no Connected event follows); or a refusal, 501. A wrong attribute name or
  /// value never gets here.
  struct Xclient {
    struct Attribute {
      std::string name;  ///< upper case: NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME
      std::optional<std::string> value;  ///< decoded; nothing for [UNAVAILABLE], ...
      bool temporary = false;            ///< ... and true for [TEMPUNAVAIL]
    };
    std::vector<Attribute> attributes;
  };
  /// A command that we do not know; only with Client::ask_unknown. Answer: 502 5.5.2, or another refusal.
  struct Unknown {
    std::string command;  ///< its first word
  };
  /// No answer. The client makes errors: wait so long, then go on with next() and send the output.
  struct Pause {
    std::chrono::seconds time;
  };
  /// The last event: send take_output(), then close. `reason` is for the log, escaped: "quit", "too many
  /// errors".
  struct Close {
    std::string reason;
  };

  using Event = std::variant<NeedBytes, Connected, Hello, StartTls, Auth, AuthAnswer, AuthCancelled, Sender,
                             Recipient, Data, Content, ContentEnd, ContentRefused, Reset, Verify, Etrn,
                             Xclient, Unknown, Pause, Close>;

  /// `settings` must outlive the session.
  ServerSession(const Settings& settings, Client client)
      : settings_(&settings), client_(client), tls_(client.tls) {}
  explicit ServerSession(const Settings& settings) : ServerSession(settings, Client{}) {}

  /// Copies what arrived into the session.
  void feed(std::string_view bytes) { in_.append(bytes); }
  /// The same without the copy: room for at least `size` octets to read into, then the number that came.
  std::span<char> prepare(std::size_t size) { return in_.prepare(size); }
  void commit(std::size_t size) { in_.commit(size); }

  [[nodiscard]] Event next();
  /// Answers the last event. A reply of 421 or 521 ends the session.
  void reply(Reply reply);
  /// Answers Auth or AuthAnswer with a challenge (334), not yet encoded.
  void challenge(std::string_view octets);
  void tls_started();

  /// Everything to be sent so far, in order.
  [[nodiscard]] std::string take_output() { return std::exchange(out_, {}); }
  /// The same into a string of the caller, whose memory is used again; what it held is lost.
  void take_output(std::string& into) {
    into.clear();
    out_.swap(into);
  }
  bool has_output() const { return !out_.empty(); }

  /// Leaves these keywords out of the answer to EHLO from now on, too.
  void discard(EhloKeywords keywords) {
    client_.discard.bits = static_cast<std::uint16_t>(client_.discard.bits | keywords.bits);
  }
  /// The driver has to end the talk: "421 4.4.2 host Error: timeout exceeded". Then next() gives Close.
  void shut_down(Reply reply, std::string reason);

  bool tls() const { return tls_; }
  bool authenticated() const { return authenticated_; }
  bool esmtp() const { return esmtp_; }
  /// The name of the last accepted EHLO, HELO or LHLO; empty before it.
  const std::string& helo_name() const { return helo_name_; }
  /// "ESMTPSA": for the with clause of Received (RFC 3848, RFC 6531 s. 4.3). `utf8` for a message with
  /// SMTPUTF8.
  std::string_view with_protocol(bool utf8) const;
  /// The message that arrives: what its MAIL command said.
  bool utf8_transaction() const { return utf8_; }
  std::size_t accepted_recipients() const { return recipients_; }
  unsigned errors() const { return errors_; }

 private:
  enum class Phase : unsigned char {
    start,
    command,
    auth_answer,
    content,
    chunk,
    closed,
    // These wait for the driver's answer to an event.
    connected,
    hello,
    tls,
    auth,
    sender,
    recipient,
    data,
    end,
    verify,
    etrn,
    xclient,
    unknown,
  };
  struct Command;
  using Next = std::optional<Event>;  ///< nothing: go on with what is in the input

  Next step();
  Next read_command();
  Next read_auth_answer();
  Next read_content();
  Next read_chunk();
  Next take_content(ContentReader::Piece piece);
  Next end_content();
  Next end_chunk();
  Next refuse_content(Reply reply);
  void finish_refused_content();

  Next run(std::string_view line);
  Next dispatch(const Command& command);
  bool forbidden(std::string_view word) const;
  bool breaks_pipelining(const Command& command) const;
  std::optional<Reply> not_now(const Command& command) const;

  Next run_hello(const Command& command);
  Next run_start_tls(const Command& command);
  Next run_auth(const Command& command);
  Next run_mail(const Command& command);
  Next run_rcpt(const Command& command);
  Next run_data(const Command& command);
  Next run_bdat(const Command& command);
  Next run_rset(const Command& command);
  Next run_vrfy(const Command& command);
  Next run_etrn(const Command& command);
  Next run_xclient(const Command& command);
  std::optional<Reply> why_no_mail_now() const;
  std::optional<Reply> why_no_content_now() const;
  std::optional<Reply> why_not(const mail::Path& path, bool utf8_declared, Reply bad_syntax) const;

  void answer_connected(const Reply& reply);
  void answer_hello(const Reply& reply);
  void answer_auth(const Reply& reply);
  void answer_sender(const Reply& reply);
  void answer_recipient(const Reply& reply);
  void answer_data(Reply reply);
  void answer_end(const Reply& reply);
  void answer_xclient(const Reply& reply);
  /// Puts a reply; one that is no success is an error of the client.
  void answer(const Reply& reply);

  void put(Reply reply);
  void refuse(const Reply& reply);
  Next refused(const Reply& reply) {
    refuse(reply);
    return std::nullopt;
  }
  void count_junk();
  void count_error();
  void greet();
  void put_keywords();
  EhloKeywords discarded() const {
    return {static_cast<std::uint16_t>(settings_->discard.bits | client_.discard.bits)};
  }
  bool lmtp() const { return settings_->protocol == Protocol::lmtp; }
  bool offers_tls() const;
  bool offers_auth() const;
  const std::vector<std::string>& mechanisms() const {
    return tls_ ? settings_->tls_mechanisms : settings_->mechanisms;
  }
  void end_transaction();
  void forget();
  void end_session(std::string reason);

  const Settings* settings_;
  Client client_;
  InputBuffer in_;
  std::string out_;
  std::string helo_name_, close_reason_;
  std::string hello_asked_;  ///< the name of the Hello that waits for its answer
  ContentReader content_;
  std::optional<Reply> content_refusal_;  ///< the message that arrives is refused; told at its end

  std::size_t recipients_ = 0, overshoot_ = 0, replies_due_ = 0;
  std::uint64_t received_ = 0;    ///< octets of the present message
  std::uint64_t chunk_left_ = 0;  ///< octets of the present BDAT chunk still to come
  std::uint64_t chunk_size_ = 0;
  unsigned errors_ = 0, junk_ = 0;
  Phase phase_ = Phase::start;
  bool tls_;
  bool esmtp_ = false, esmtp_asked_ = false, authenticated_ = false, login_asked_ = false;
  bool sender_ = false, recipient_refused_ = false, utf8_ = false, utf8_asked_ = false;
  bool chunking_ = false;     ///< a BDAT of this message was accepted
  bool chunk_asked_ = false;  ///< the Data event that waits for its answer is a BDAT
  bool last_chunk_ = false;
  bool only_quit_ = false, pause_due_ = false, closing_ = false, close_after_content_ = false;
};

}  // namespace hikyaku::smtp
