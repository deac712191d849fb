#include "probe/send_output.h"

#include <array>
#include <cstdio>

#include "base/escape.h"

namespace hikyaku::probe {
namespace {

using Kind = Entry::Kind;
using Silent = SendOutputStyle::Silent;
using Lapse = SendOutputStyle::Lapse;

bool is_error(const Entry& entry) { return entry.kind == Kind::failure || entry.unexpected; }

std::string_view hint(const Entry& entry) {
  if (entry.kind == Kind::sent) return entry.tls ? " ~> " : " -> ";
  if (entry.kind == Kind::note) return "=== ";
  if (entry.kind == Kind::failure) return "*** ";
  if (entry.unexpected) return entry.tls ? "<~* " : "<** ";
  return entry.tls ? "<~  " : "<-  ";
}

}  // namespace

Result<SendOutputStyle> output_style_of(const SendArguments& arguments) {
  SendOutputStyle style;
  style.hide_sent = arguments.has("hide-send");
  style.hide_received = arguments.has("hide-receive");
  style.hide_notes = arguments.has("hide-informational");
  style.hide_all = arguments.has("hide-all");
  style.hint_sent = !arguments.has("no-send-hints") && !arguments.has("no-hints");
  style.hint_received = !arguments.has("no-receive-hints") && !arguments.has("no-hints");
  style.hint_notes = !arguments.has("no-info-hints");
  style.show_secrets = arguments.has("show-secrets");
  if (const auto secret = arguments.value("auth-hide-password")) style.secret = *secret;
  if (arguments.has("silent")) {
    const auto level = arguments.value("silent").value_or("1");
    if (level != "1" && level != "2" && level != "3")
      return fail(Fault::malformed, "--silent is 1, 2 or 3, and not " + escaped(level));
    style.silent = static_cast<Silent>(level[0] - '0');
  }
  if (arguments.has("show-time-lapse")) {
    const auto unit = arguments.value("show-time-lapse").value_or("");
    if (!unit.empty() && unit != "i") return fail(Fault::malformed, "--show-time-lapse takes nothing or i");
    style.lapse = unit.empty() ? Lapse::thousandths : Lapse::seconds;
  }
  return style;
}

bool SendOutput::is_hidden(const Entry& entry) {
  if (is_error(entry)) error_seen_ = true;
  if (style_.hide_all || style_.silent == Silent::always) return true;
  if (style_.silent == Silent::until_an_error && !error_seen_) return true;
  if (style_.silent == Silent::but_for_errors && !is_error(entry)) return true;
  switch (entry.kind) {
    case Kind::sent:
      return style_.hide_sent;
    case Kind::received:
      return style_.hide_received;
    case Kind::note:
      return style_.hide_notes;
    case Kind::failure:
      break;
  }
  return false;
}

std::string SendOutput::line(const Entry& entry) const {
  const auto masked = [&](const std::string& text, std::size_t secret_from) {
    if (style_.show_secrets || secret_from >= text.size()) return shown(text);
    return shown(std::string_view(text).substr(0, secret_from)) + shown(style_.secret);
  };
  std::string out;
  const bool with_hint = entry.kind == Kind::sent       ? style_.hint_sent
                         : entry.kind == Kind::received ? style_.hint_received
                         : entry.kind == Kind::note     ? style_.hint_notes
                                                        : true;
  if (with_hint) out += hint(entry);
  out += masked(entry.text, entry.secret_from);
  if (entry.has_decoded) out += "   ← \"" + masked(entry.decoded, entry.decoded_secret_from) + '"';
  return out + '\n';
}

void SendOutput::put_lapse(const Entry& entry) {
  if (style_.lapse == Lapse::no || style_.hide_notes) return;
  std::array<char, 64> text{};
  const auto lapse = static_cast<double>((entry.at - asked_at_).count()) / 1e6;
  std::snprintf(text.data(), text.size(), "%sresponse in %.*fs\n", style_.hint_notes ? "=== " : "",
                style_.lapse == Lapse::seconds ? 0 : 3, lapse);
  out_(text.data());
}

void SendOutput::put(const Entry& entry) {
  const bool hidden = is_hidden(entry);
  if (entry.kind == Kind::received) {
    if (!within_reply_ && !hidden) put_lapse(entry);
    within_reply_ = true;
  } else {
    within_reply_ = false;
    asked_at_ = entry.at;
  }
  if (hidden) return;
  (entry.kind == Kind::failure ? error_ : out_)(line(entry));
}

}  // namespace hikyaku::probe
