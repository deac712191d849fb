#include "mail/dsn.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace hikyaku::mail {
namespace {

constexpr std::size_t kFold = 78;         // octets of a line without CRLF, RFC 5322 s. 2.1.1
constexpr std::size_t kMaxName = 255;     // octets of a host name or an envelope identifier that is repeated
constexpr std::size_t kMaxAddress = 900;  // octets of an address in a field: the line stays under 998

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

enum class Charset : unsigned char { ascii, utf8 };

/// `text` with '?' for what the charset can't show and for controls (C1 too), cut at `limit` octets.
std::string printable(std::string_view text, Charset charset, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto piece = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(piece.size());
    if (out.size() + piece.size() > limit) return out + "...";
    const auto lead = static_cast<unsigned char>(piece[0]);
    const bool c1 = piece.size() == 2 && lead == 0xc2 && static_cast<unsigned char>(piece[1]) < 0xa0;
    const bool shown = piece.size() > 1 ? charset == Charset::utf8 && !c1 : lead >= 0x20 && lead < 0x7f;
    out += shown ? piece : std::string_view("?");
  }
  return out;
}

/// What others said, as one line: white space joined, the rest as printable().
std::string tame(std::string_view text, Charset charset, std::size_t limit) {
  std::string joined;
  for (const char c : text.substr(0, 2 * limit)) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!space) {
      joined += c;
    } else if (!joined.empty() && joined.back() != ' ') {
      joined += ' ';
    }
  }
  while (joined.ends_with(' ')) joined.pop_back();
  return printable(joined, charset, limit);
}

/// Appends `text` folded at its spaces; each further line begins with `indent`. A word longer than a line
/// stays whole.
void put_folded(std::string& out, std::string_view first, std::string_view text, std::string_view indent) {
  std::size_t column = first.size();
  out += first;
  bool fresh = true;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!fresh && column + 1 + word.size() > kFold) {
      out += "\r\n";
      out += indent;
      column = indent.size();
    } else if (!fresh) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    fresh = false;
  }
  out += "\r\n";
}

/// RFC 6533 s. 3: utf-8-addr-xtext, for a notice that may hold ASCII alone.
std::string ascii_address(std::string_view address) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  while (!address.empty()) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(address));
    const auto lead = static_cast<unsigned char>(address[0]);
    std::uint32_t point = length == 1 ? lead : lead & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i) {
      point = (point << 6) | (static_cast<unsigned char>(address[i]) & 0x3fU);
    }
    address.remove_prefix(length);
    if (point > 0x20 && point < 0x7f && point != '\\' && point != '+' && point != '=') {
      out += static_cast<char>(point);
      continue;
    }
    std::string digits;
    for (; point != 0; point >>= 4) digits.insert(digits.begin(), kDigits[point & 15]);
    out += "\\x{" + digits + "}";
  }
  return out;
}

std::string typed_address(std::string_view type, std::string_view address, Charset charset) {
  if (is_ascii(address)) return std::string(type) + "; " + printable(address, charset, kMaxAddress);
  if (charset == Charset::utf8) return "utf-8; " + printable(address, charset, kMaxAddress);
  return "utf-8; " + ascii_address(address.substr(0, kMaxAddress / 4));
}

/// "type;address" of ORCPT as a field's value; RFC 3461 s. 4.2.
std::string original_recipient(std::string_view orcpt, Charset charset) {
  const auto semicolon = orcpt.find(';');
  if (semicolon == std::string_view::npos) return typed_address("rfc822", orcpt, charset);
  return typed_address(tame(orcpt.substr(0, semicolon), Charset::ascii, kMaxName),
                       orcpt.substr(semicolon + 1), charset);
}

/// RFC 3463 s. 2: class "." subject "." detail.
bool is_status(std::string_view text) {
  const auto digits = [&](std::size_t limit) {
    std::size_t n = 0;
    while (n < text.size() && n <= limit && text[n] >= '0' && text[n] <= '9') ++n;
    text.remove_prefix(n);
    return n >= 1 && n <= limit;
  };
  const auto dot = [&] {
    const bool there = text.starts_with('.');
    if (there) text.remove_prefix(1);
    return there;
  };
  const bool status_class = text.starts_with('2') || text.starts_with('4') || text.starts_with('5');
  return status_class && digits(1) && dot() && digits(3) && dot() && digits(3) && text.empty();
}

std::string_view status_of(const DsnRecipient& recipient) {
  if (is_status(recipient.status)) return recipient.status;
  switch (recipient.action) {
    case DsnAction::failed:
      return "5.0.0";
    case DsnAction::delayed:
      return "4.0.0";
    case DsnAction::delivered:
    case DsnAction::relayed:
      break;
  }
  return "2.0.0";
}

std::string_view action_text(DsnAction action) {
  switch (action) {
    case DsnAction::failed:
      return "failed";
    case DsnAction::delayed:
      return "delayed";
    case DsnAction::delivered:
      return "delivered";
    case DsnAction::relayed:
      break;
  }
  return "relayed";
}

class Composer {
 public:
  Composer(const DsnFacts& facts, const DsnOriginal& original) : facts_(facts), original_(original) {
    cut_header();
    utf8_ = needs_utf8();
    charset_ = utf8_ ? Charset::utf8 : Charset::ascii;
    host_ = tame(facts.reporting_mta, charset_, kMaxName);
    eight_bit_ = utf8_ || !is_ascii(original_.header) || !is_ascii(original_.body.value_or(""));
    boundary_ = unused_boundary();
  }

  DsnNotice notice() {
    out_.reserve(4096 + original_.header.size() + original_.body.value_or("").size() +
                 facts_.recipients.size() * 512);
    put_header();
    put_text_part();
    put_status_part();
    put_returned_part();
    return {std::move(out_), utf8_, eight_bit_};
  }

 private:
  void cut_header() {
    if (original_.header.size() <= kMaxReturnedHeader) return;
    // Without the end of the header section the body would be read as headers.
    const auto end = original_.header.rfind("\r\n", kMaxReturnedHeader - 2);
    original_.header = original_.header.substr(0, end == std::string_view::npos ? 0 : end + 2);
    original_.body.reset();
  }

  bool needs_utf8() const {
    if (facts_.smtputf8 || !is_ascii(facts_.sender.text()) || !is_ascii(facts_.from.text())) return true;
    return false;
  }

  std::string unused_boundary() const {
    const std::string base = "=_" + tame(facts_.notice_id, Charset::ascii, 30) + "/" +
                             tame(facts_.reporting_mta, Charset::ascii, 30);
    for (std::size_t n = 0;; ++n) {
      std::string candidate = n == 0 ? base : base + "." + std::to_string(n);
      for (char& c : candidate) {
        if (c == '"' || c == '\\' || c == ' ') c = '_';
      }
      const auto marker = "--" + candidate;
      const bool taken = original_.header.find(marker) != std::string_view::npos ||
                         original_.body.value_or("").find(marker) != std::string_view::npos;
      if (!taken) return candidate;
    }
  }

  void put(std::string_view a) { out_ += a; }
  void line(std::string_view a, std::string_view b = "", std::string_view c = "") {
    out_ += a;
    out_ += b;
    out_ += c;
    out_ += "\r\n";
  }

  std::string_view subject() const {
    switch (facts_.kind) {
      case DsnAction::failed:
        return "Undelivered Mail Returned to Sender";
      case DsnAction::delayed:
        return "Delayed Mail (still being retried)";
      case DsnAction::delivered:
      case DsnAction::relayed:
        break;
    }
    return "Successful Mail Delivery Report";
  }

  void put_header() {
    line("Date: ", rfc5322_text(facts_.now));
    line("From: ", printable(facts_.from.text(), charset_, kMaxAddress), " (Mail Delivery System)");
    line("Subject: ", subject());
    line("To: ", printable(facts_.sender.text(), charset_, kMaxAddress));
    line("Auto-Submitted: auto-replied");  // RFC 3834 s. 5
    line("MIME-Version: 1.0");
    line("Content-Type: multipart/report; report-type=delivery-status;");
    line("\tboundary=\"", boundary_, "\"");
    if (eight_bit_) line("Content-Transfer-Encoding: 8bit");
    line("Message-Id: <", tame(facts_.notice_id, Charset::ascii, 100), "@" + host_ + ">");
    line("");
    line("This is a MIME-encapsulated message.");
  }

  void begin_part(std::string_view description, std::string_view type) {
    line("");
    line("--", boundary_);
    line("Content-Description: ", description);
    line("Content-Type: ", type);
  }

  void put_text_part() {
    begin_part("Notification",
               charset_ == Charset::utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii");
    if (utf8_) line("Content-Transfer-Encoding: 8bit");
    line("");
    line("This is the mail system at host ", host_, ".");
    line("");
    put_opening();
    for (const auto& recipient : facts_.recipients) {
      line("");
      put_reason(recipient);
    }
  }

  void put_opening() {
    switch (facts_.kind) {
      case DsnAction::failed:
        line("Your message could not be delivered to the recipients below. The message, or its");
        line("headers alone, stands at the end of this report.");
        line("");
        line("For help write to postmaster, and send this report along.");
        return;
      case DsnAction::delayed:
        line("THIS IS ONLY A WARNING. You need not send your message again.");
        line("");
        line("It could not be delivered to the recipients below so far. Delivery is tried");
        if (facts_.retry_until) {
          line("again until ", rfc5322_text(*facts_.retry_until), ".");
        } else {
          line("again until it has grown too old.");
        }
        return;
      case DsnAction::delivered:
      case DsnAction::relayed:
        break;
    }
    line("Your message was delivered, or handed on, to the recipients below. A server that");
    line("it was handed on to may send no further report.");
  }

  void put_reason(const DsnRecipient& recipient) {
    const auto address = printable(recipient.final_recipient.text(), Charset::utf8, kMaxAddress);
    const auto told = recipient.reason.empty() ? recipient.diagnostic : recipient.reason;
    const auto shown = utf8_ || is_ascii(address) ? address : ascii_address(address);
    put_folded(out_, "<" + shown + ">: ", tame(told, charset_, kMaxDiagnostic), "    ");
  }

  void put_status_part() {
    begin_part("Delivery report", utf8_ ? "message/global-delivery-status" : "message/delivery-status");
    if (utf8_) line("Content-Transfer-Encoding: 8bit");
    line("");
    const auto software = tame(facts_.software, Charset::ascii, 40);
    line("Reporting-MTA: dns; ", host_);
    if (!facts_.envelope_id.empty()) {
      line("Original-Envelope-Id: ", tame(facts_.envelope_id, charset_, kMaxName));
    }
    line("X-" + software + "-Queue-ID: ", tame(facts_.queue_id, Charset::ascii, kMaxName));
    line("X-" + software + "-Sender: ", typed_address("rfc822", facts_.sender.text(), charset_));
    line("Arrival-Date: ", rfc5322_text(facts_.arrival));
    for (const auto& recipient : facts_.recipients) put_recipient(recipient, software);
  }

  void put_recipient(const DsnRecipient& recipient, const std::string& software) {
    line("");
    line("Final-Recipient: ", typed_address("rfc822", recipient.final_recipient.text(), charset_));
    if (!recipient.original.empty())
      line("Original-Recipient: ", original_recipient(recipient.original, charset_));
    line("Action: ", action_text(recipient.action));
    line("Status: ", status_of(recipient));
    if (!recipient.remote_mta.empty())
      line("Remote-MTA: dns; ", tame(recipient.remote_mta, charset_, kMaxName));
    if (!recipient.diagnostic.empty()) {
      const auto type = recipient.diagnostic_type.empty()
                            ? "X-" + software
                            : tame(recipient.diagnostic_type, Charset::ascii, 40);
      put_folded(out_, "Diagnostic-Code: " + type + "; ",
                 tame(recipient.diagnostic, charset_, kMaxDiagnostic), "    ");
    }
    if (recipient.last_attempt) line("Last-Attempt-Date: ", rfc5322_text(*recipient.last_attempt));
    if (recipient.action == DsnAction::delayed && facts_.retry_until) {
      line("Will-Retry-Until: ", rfc5322_text(*facts_.retry_until));
    }
  }

  void put_returned_part() {
    const bool whole = original_.body.has_value();
    const bool failed = facts_.kind == DsnAction::failed;
    // A report's global forms say that the part may hold UTF-8 in its headers (RFC 6533 s. 4).
    begin_part(whole    ? "Undelivered Message"
               : failed ? "Undelivered Message Headers"
                        : "Message Headers",
               whole ? (utf8_ ? "message/global" : "message/rfc822")
                     : (utf8_ ? "message/global-headers" : "text/rfc822-headers"));
    if (!is_ascii(original_.header) || !is_ascii(original_.body.value_or(""))) {
      line("Content-Transfer-Encoding: 8bit");
    }
    line("");
    put(original_.header);
    if (!original_.header.empty() && !original_.header.ends_with("\r\n")) line("");
    if (whole) {
      line("");
      put(*original_.body);
    }
    if (!out_.ends_with("\r\n")) line("");
    line("");
    line("--", boundary_, "--");
  }

  const DsnFacts& facts_;
  DsnOriginal original_;
  bool utf8_ = false;
  bool eight_bit_ = false;
  Charset charset_ = Charset::ascii;
  std::string host_, boundary_, out_;
};

}  // namespace

bool notice_wanted(const Address& sender, const Notify& notify, DsnAction action) {
  if (sender.null()) return false;
  switch (action) {
    case DsnAction::failed:
      return notify.on_failure();
    case DsnAction::delayed:
      return notify.on_delay();
    case DsnAction::delivered:
    case DsnAction::relayed:
      break;
  }
  return notify.on_success();
}

std::vector<std::size_t> notices_wanted(const Address& sender, const std::vector<Notify>& notify,
                                        const std::vector<DsnAction>& actions, DsnAction action) {
  const auto success = [](DsnAction a) { return a == DsnAction::delivered || a == DsnAction::relayed; };
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const bool same_kind = actions[i] == action || (success(actions[i]) && success(action));
    if (same_kind && notice_wanted(sender, notify[i], actions[i])) wanted.push_back(i);
  }
  return wanted;
}

bool returns_whole_message(DsnAction action, DsnReturn ret, std::uint64_t message_size,
                           std::uint64_t bounce_size_limit) {
  if (action != DsnAction::failed || ret == DsnReturn::headers) return false;
  return bounce_size_limit == 0 || message_size <= bounce_size_limit;
}

DsnReply read_dsn_reply(std::string_view text) {
  constexpr std::string_view kSaid = " said: ", kHost = "host ";
  const DsnReply own{{}, text};
  const auto said = text.find(kSaid);
  if (said == std::string_view::npos) return own;
  const auto host = text.substr(0, said).rfind(kHost);
  const bool begins =
      host == 0 || (host != std::string_view::npos && host >= 2 && text.substr(host - 2, 2) == ": ");
  if (!begins) return own;
  const auto name = text.substr(host + kHost.size(), said - host - kHost.size());
  auto reply = text.substr(said + kSaid.size());
  if (name.empty() || name.find(' ') != std::string_view::npos || reply.empty() || reply[0] < '2' ||
      reply[0] > '5')
    return own;
  if (const auto command = reply.rfind(" (in reply to ");
      command != std::string_view::npos && reply.ends_with(')')) {
    reply = reply.substr(0, command);
  }
  return {name.substr(0, name.find('[')), reply};
}

DsnNotice compose_notice(const DsnFacts& facts, const DsnOriginal& original) {
  return Composer(facts, original).notice();
}

}  // namespace hikyaku::mail
