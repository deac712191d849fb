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

#include "mail/address.h"
#include "mail/parameters.h"
#include "smtp/input_buffer.h"
#include "smtp/reply.h"
#include "smtp/server_settings.h"

namespace hikyaku::smtp {

/// The client's end of one SMTP or LMTP conversation, for one message or many (RFC 5321, 2033, 1870, 2920,
/// 3207, 3461, 4954, 6152, 6531). Pure: bytes in, events and bytes out. Not thread-safe.
///
/// Loop: next(); handle the event; at NeedBytes and before a handshake send take_output(), at NeedBytes
/// feed() what arrives, or connection_lost(). phase() tells which deadline holds.
///
/// Each send() ends in exactly one Finished. Each session ends in exactly one Closed or Failed, after which
/// the connection is to be closed.
class ClientSession {
 public:
  struct Options {
    Protocol protocol = Protocol::smtp;
    std::string helo_name = "localhost";
    enum class Tls : unsigned char {
      never,         ///< no STARTTLS, also if offered; and when TLS is active from the start (wrapper mode)
      when_offered,  ///< plain text if it is not offered or refused
      required,      ///< not offered or refused: Failed, temporary
    };
    Tls tls = Tls::never;
    bool tls_active = false;     ///< wrapper mode: the handshake is done
    bool auth = false;           ///< there is a name and a password for this server: NeedAuth will be asked
    bool ehlo = true;            ///< false: HELO only (smtp_never_send_ehlo)
    bool pipelining = true;      ///< use it when offered
    bool quote_envelope = true;  ///< smtp_quote_rfc821_envelope
    bool skip_5xx_greeting =
        true;  ///< a 5xx greeting is temporary, as another host may do (smtp_skip_5xx_greeting)
    bool wait_for_quit = false;  ///< wait for the answer to QUIT (not smtp_skip_quit_response)
    EhloKeywords discard{};      ///< smtp_discard_ehlo_keywords
    std::string loop_name{};  ///< a server that greets with this name is ourselves: Failed 5.4.6; empty: any
  };

  struct Recipient {
    mail::Address address;
    mail::RecipientParameters parameters{};  ///< sent only if the server offers DSN
  };
  struct Transaction {
    mail::Address sender;
    std::vector<Recipient> recipients;  ///< at least one
    std::uint64_t size = 0;  ///< octets of content; sent as SIZE= if offered, and checked against its limit
    /// The content has octets over 127. BODY=8BITMIME if that is offered; if not, it is sent all the same
    /// with no BODY: we do not convert, and hardly a server is left that is not 8-bit clean.
    bool eight_bit = false;
    /// Addresses or headers are in UTF-8 and the sender asked for SMTPUTF8. Not offered: all fail with 5.6.7.
    bool smtputf8 = false;
    mail::DsnReturn ret = mail::DsnReturn::unspecified;  ///< sent only if the server offers DSN
    std::string envid{};                                 ///< the same
    std::optional<std::string> auth{};                   ///< AUTH=, if the server offers AUTH and we used it
  };

  /// Where the conversation stands: for deadlines and for log lines.
  enum class Phase : unsigned char {
    greeting,
    hello,
    start_tls,
    handshake,
    auth,
    idle,
    rset,
    mail,
    rcpt,
    data,
    content,
    final_dot,
    quit,
    closed,
  };

  struct NeedBytes {};
  /// Make the handshake and check the peer; then tls_started(), or connection_lost() if it failed.
  struct StartTls {};
  /// Answer: auth(), or without_auth() where no mechanism offered will do and that is no obstacle.
  struct NeedAuth {
    std::vector<std::string> mechanisms;
  };  ///< upper case; empty if AUTH is not offered
  /// Answer: auth_answer() or auth_cancel(). Decoded.
  struct AuthChallenge {
    std::string octets;
  };
  /// The server let us in (235). The SaslClient may have to approve of it first; to refuse, quit().
  struct Authenticated {};
  /// Idle: send(), or quit(), or keep the connection for later.
  struct Ready {};
  /// 354 came and some recipient was accepted: write the content through a DataEncoder, with its end, after
  /// what take_output() holds; then content_sent().
  struct SendContent {};

  /// What became of one recipient.
  struct Outcome {
    enum class Kind : unsigned char {
      delivered,        ///< 2xx for the whole message
      temporary,        ///< 4xx: try again later
      permanent,        ///< 5xx: bounce
      lost_before_end,  ///< the connection broke before the final dot was sent: try again, no duplicate
      lost_after_end,   ///< it broke while its answer was awaited: try again, may be delivered twice
    };
    Kind kind = Kind::temporary;
    Phase phase = Phase::rcpt;  ///< the command that decided: mail, rcpt, data, final_dot
    /// What the server said; without a reply of its own (lost, limit of size, no SMTPUTF8), one of ours.
    Reply reply;
    bool from_server = true;  ///< the reply came over the wire (for "host X said: …")
  };
  struct Finished {
    std::vector<Outcome> recipients;  ///< as in the transaction
  };
  /// The end of the session. If a transaction was on, Finished came before.
  struct Failed {
    Phase phase;
    Outcome::Kind kind;  ///< temporary, permanent, or lost_before_end where the connection broke
    Reply reply;         ///< the server's, or one of ours
    bool from_server;
    bool attack = false;  ///< octets came between the answer to STARTTLS and the handshake
  };
  struct Closed {};  ///< after quit(): close

  using Event = std::variant<NeedBytes, StartTls, NeedAuth, AuthChallenge, Authenticated, Ready, SendContent,
                             Finished, Failed, Closed>;

  /// What the server offered in its last EHLO answer.
  struct Offer {
    EhloKeywords keywords{};
    std::uint64_t size_limit = 0;           ///< of SIZE, 0: none told
    std::vector<std::string> mechanisms{};  ///< upper case, from "AUTH" and "AUTH="
    std::string name{};                     ///< by which the server greets
  };

  explicit ClientSession(Options options) : options_(std::move(options)), tls_(options_.tls_active) {}

  void feed(std::string_view bytes) { in_.append(bytes); }
  std::span<char> prepare(std::size_t size) { return in_.prepare(size); }
  void commit(std::size_t size) { in_.commit(size); }
  [[nodiscard]] Event next();
  [[nodiscard]] std::string take_output() { return std::exchange(out_, {}); }
  void take_output(std::string& into) {
    into.clear();
    out_.swap(into);
  }
  bool has_output() const { return !out_.empty(); }

  void tls_started();
  /// `initial` decoded. The mechanism in upper case.
  void auth(std::string_view mechanism, std::optional<std::string_view> initial);
  void without_auth();
  void auth_answer(std::string_view octets);
  void auth_cancel();
  /// At Ready only.
  void send(Transaction transaction);
  void content_sent();
  /// The content could not be read to its end: nothing may follow but closing the connection, so that no half
  /// message is taken for a whole one. Gives Finished (temporary) and Failed.
  void content_failed(std::string text);
  /// At Ready, Finished or NeedAuth. Ends the session politely.
  void quit();
  /// The peer closed, the connection broke, or a deadline passed; `text` says which, for the log and the
  /// bounce.
  void connection_lost(std::string text);

  /// Of the first command whose answer is due, or of what we do ourselves.
  Phase phase() const { return outstanding() > 0 ? pending_[pending_at_].phase : phase_; }
  const Offer& offer() const { return offer_; }
  bool tls() const { return tls_; }
  bool esmtp() const { return esmtp_; }
  /// Transactions begun so far (for smtp_connection_reuse_count_limit).
  unsigned transactions() const { return transactions_; }

 private:
  /// A command whose reply is still to come.
  struct Pending {
    Phase phase;
    std::size_t recipient = 0;
  };
  using Next = std::optional<Event>;

  Next read_reply();
  Next on_lost();
  Next on_reply(Reply reply);
  Next on_unasked(const Reply& reply);
  Next on_greeting(Reply reply);
  Next on_hello(Reply reply);
  Next on_start_tls(Reply reply);
  Next on_auth(Reply reply);
  Next on_mail(Reply reply);
  Next on_rcpt(std::size_t index, Reply reply);
  Next on_data(Reply reply);
  Next on_final(Reply reply);
  Next on_rset(Reply reply);

  void put_command(std::string_view command, Phase phase);
  void say_hello(std::string_view verb);
  void read_offer(std::string_view answer);
  Next after_hello();
  Next become_ready();

  Next begin();
  void put_path(std::string_view command, const mail::Address& address);
  void put_mail();
  void put_rcpt();
  /// Sends what may be sent now, and finishes the transaction when nothing is left to wait for.
  Next advance();
  bool pipelining() const { return options_.pipelining && offer_.keywords.has(EhloKeywords::kPipelining); }
  std::size_t outstanding() const { return pending_.size() - pending_at_; }
  void settle(std::size_t index, const Outcome& outcome);
  void settle_open(const Outcome& outcome);
  Event finish();
  /// Ends the session; a transaction that is on is finished first with the same outcome.
  Event fail(const Outcome& outcome, bool attack = false);

  Options options_;
  InputBuffer in_;
  std::string out_;
  ReplyReader reader_;
  Offer offer_;
  Transaction transaction_;
  std::vector<Outcome> outcomes_;
  std::vector<bool> settled_;
  std::vector<Pending> pending_;
  std::size_t pending_at_ = 0;  ///< the first of pending_ that has no reply yet
  std::size_t next_rcpt_ = 0;   ///< the first recipient for whom no RCPT was sent
  std::size_t open_ = 0;        ///< recipients that are not settled
  unsigned transactions_ = 0;
  std::optional<Event> queued_, queued_after_;  ///< to be told next, and behind it
  std::optional<std::string> lost_;             ///< connection_lost() was called
  Phase phase_ = Phase::greeting;
  bool tls_, esmtp_ = false, helo_tried_ = false, tls_tried_ = false, auth_done_ = false,
             authenticated_ = false;
  bool greeting_due_ = true, begin_due_ = false, in_transaction_ = false, mail_sent_ = false,
       mail_accepted_ = false, mail_refused_ = false, data_sent_ = false, lone_dot_ = false,
       rset_due_ = false, ended_ = false;
};

}  // namespace hikyaku::smtp
