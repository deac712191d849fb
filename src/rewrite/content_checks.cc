#include "rewrite/content_checks.h"

#include <utility>

#include "mail/address_tokens.h"
#include "mail/header.h"

namespace hikyaku::rewrite {
namespace {

constexpr std::size_t kShownOctets = 200;

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kShownOctets));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  }
  return out;
}

bool digit(char c) { return c >= '0' && c <= '9'; }

/// Octets of an enhanced status code "5.7.1" at the beginning of `text`; 0 when there is none (RFC 3463 s.
/// 2).
std::size_t status_size(std::string_view text) {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0) {
      if (at >= text.size() || text[at] != '.') return 0;
      ++at;
    }
    const auto start = at;
    while (at < text.size() && digit(text[at])) ++at;
    if (at == start || at - start > (part == 0 ? 1U : 3U)) return 0;
  }
  if (text[0] != '2' && text[0] != '4' && text[0] != '5') return 0;
  return at == text.size() || text[at] == ' ' || text[at] == '\t' ? at : 0;
}

class Action {
 public:
  Action(const Checks& checks, std::string_view content, Content kind, CheckedBy by, Actions& actions)
      : checks_(checks), content_(content), kind_(kind), by_(by), actions_(actions) {}

  CheckResult run(std::string_view value) {
    const auto end = value.find_first_of(" \t");
    command_ = value.substr(0, end);
    text_ = end == std::string_view::npos ? std::string_view{} : value.substr(end);
    text_.remove_prefix(std::min(text_.find_first_not_of(" \t"), text_.size()));
    CheckResult result;
    if (is("DUNNO") || is("OK")) return result;
    if (is("IGNORE")) {
      result.kind = CheckResult::Kind::drop;
    } else if (is("STRIP")) {
      note("strip");
      result.kind = CheckResult::Kind::drop;
    } else if (is("WARN")) {
      note("warning");
    } else if (is("INFO")) {
      note("info");
    } else if (is("REPLACE") || is("PREPEND")) {
      put_text(result);
    } else if (by_ != CheckedBy::smtp_client && for_message()) {
      return result;
    } else {
      warn((by_ == CheckedBy::milter ? "unsupported" : "unknown") + (" command" + in_map()) + ": " +
           std::string(value));
    }
    return result;
  }

 private:
  bool is(std::string_view name) const { return mail::same_header_name(command_, name); }
  void warn(std::string text) { actions_.warnings.push_back(std::move(text)); }
  void note(std::string_view action) { note(action, text_); }
  void note(std::string_view action, std::string_view text) {
    actions_.notes.push_back({std::string(action), kind_ == Content::header ? "header" : "body",
                              printable(content_), printable(text)});
  }
  std::string in_map() const { return " in " + std::string(checks_.setting) + " map"; }

  void put_text(CheckResult& result) {
    const bool replace = is("REPLACE");
    const std::string name(replace ? "REPLACE" : "PREPEND");
    if (text_.empty()) {
      warn(name + " action without text" + in_map());
    } else if (kind_ == Content::header && !mail::read_header(text_)) {
      warn("bad " + name + " header text \"" + printable(text_) + "\"" + in_map() +
           " -- need \"headername: headervalue\"");
    } else if (replace) {
      note("replace");
      result.kind = CheckResult::Kind::replace;
      result.text = text_;
    } else {
      note("prepend");
      if (by_ == CheckedBy::milter) {
        // Postfix does not do it either: who reads its log knows this line.
        warn("the milter_header/body_checks prepend action is not implemented");
      } else {
        result.prepend = text_;
      }
    }
  }

  bool for_message() {
    if (is("REJECT")) {
      reject();
    } else if (is("FILTER")) {
      if (text_.find(':') == std::string_view::npos) {
        const auto where = by_ == CheckedBy::milter ? " in " + std::string(checks_.setting) : in_map();
        warn("bad FILTER command " + printable(text_) + where + " -- need transport:destination");
      } else {
        actions_.filter = text_;
        note("filter");
      }
    } else if (is("PASS") && by_ == CheckedBy::arrival) {
      note("pass");
      actions_.checks_over = true;
    } else if (is("DISCARD")) {
      note("discard");
      actions_.discard = actions_.checks_over = true;
    } else if (is("HOLD")) {
      if (!actions_.hold && !actions_.discard) note("hold");
      actions_.hold = true;
    } else if (is("REDIRECT") || is("BCC")) {
      copy_or_redirect();
    } else {
      return false;
    }
    return true;
  }

  void copy_or_redirect() {
    const bool redirect = is("REDIRECT");
    auto address = mail::Address::from_internal(mail::unquote_local_part(text_));
    if (!address || !address->has_domain()) {
      warn(std::string(redirect ? "bad REDIRECT target \"" : "bad BCC address \"") + printable(text_) + "\"" +
           in_map() + " -- need user@domain");
    } else if (redirect) {
      note("redirect");
      actions_.redirect = std::move(*address);
      actions_.checks_over = true;
    } else {
      note("bcc");
      actions_.bcc.push_back(std::move(*address));
    }
  }

  void reject() {
    Refusal refusal{550, "5.7.1", "message content rejected"};
    if (!text_.empty()) {
      refusal.text = text_;
      if (const auto size = status_size(text_)) {
        refusal.enhanced = text_.substr(0, size);
        auto rest = text_.substr(size);
        rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
        refusal.text = rest;
        if (refusal.enhanced.front() == '2') {
          warn("bad DSN action in " + printable(text_) + " -- need 4.x.x or 5.x.x");
          refusal.enhanced.front() = '4';
        }
        if (refusal.enhanced.front() == '4') refusal.code = 451;
      }
    }
    refusal.text = printable(refusal.text);
    note("reject", refusal.enhanced + " " + refusal.text);
    // A later 4xx wins over a 5xx: nothing may be bounced that may still be accepted.
    if (!actions_.refusal || refusal.code == 451) actions_.refusal = std::move(refusal);
    actions_.checks_over = true;
  }

  const Checks& checks_;
  std::string_view content_;
  Content kind_;
  CheckedBy by_;
  Actions& actions_;
  std::string_view command_, text_;
};

}  // namespace

CheckResult apply_checks(const Checks& checks, std::string_view text, Content content, CheckedBy by,
                         Actions& actions, Explanation& why) {
  auto found = checks.maps.find(text, nullptr);
  if (!found) {
    actions.warnings.push_back(std::string(checks.setting) + " map lookup problem: " + found.error().text +
                               " -- message not accepted, try again later");
    why.add({checks.step,
             checks.setting,
             checks.origin,
             {},
             "the table answers",
             found.error().text,
             "refused for now with 451"});
    if (!actions.refusal) actions.refusal = Refusal{451, "4.3.0", "Error: queue file write error"};
    CheckResult result;
    result.failed = true;
    return result;
  }
  if (!*found) return {};
  const auto& hit = **found;
  why.add({checks.step, hit.value, hit.origin, {}, {}, printable(text), printable(hit.value)});
  return Action(checks, text, content, by, actions).run(hit.value);
}

void append_header_text(std::string& out, std::string_view text) {
  for (bool first = true;; first = false) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!first && !line.starts_with(' ') && !line.starts_with('\t')) out += '\t';
    out += line;
    out += "\r\n";
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string_view with_plain_folds(std::string_view text, std::string& buffer) {
  auto end = text.find("\r\n");
  if (end == std::string_view::npos) return text;
  buffer.clear();
  while (end != std::string_view::npos) {
    buffer += text.substr(0, end);
    buffer += '\n';
    text.remove_prefix(end + 2);
    end = text.find("\r\n");
  }
  buffer += text;
  return buffer;
}

}  // namespace hikyaku::rewrite
