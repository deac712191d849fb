#include "probe/message_draft.h"

#include <algorithm>
#include <array>
#include <utility>

#include "probe/encoded_header.h"
#include "probe/message_parts.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

constexpr std::string_view kBodyToken = "%BODY%", kHeadersToken = "%NEW_HEADERS%";
constexpr std::string_view kUsualBody = "This is a test mailing";
constexpr std::string_view kUsualData =
    "Date: %DATE%\nTo: %TO_ADDRESS%\nFrom: %FROM_ADDRESS%\nSubject: test %DATE%\nMessage-Id: <%MESSAGEID%>\n"
    "X-Mailer: hikyaku probe\n%NEW_HEADERS%\n%BODY%\n";

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  std::string out;
  std::size_t from = 0, at = 0;
  while ((at = text.find(what, from)) != std::string::npos) {
    out.append(text, from, at - from).append(by);
    from = at + what.size();
  }
  if (from == 0) return;
  text = out.append(text, from);
}

/// One pass, so that what a token stands for is not looked through for tokens.
std::string with_tokens(std::string_view text, const DraftFacts& facts) {
  const std::array<std::pair<std::string_view, std::string_view>, 6> tokens{{
      {"%FROM_ADDRESS%", facts.from},
      {"%TO_ADDRESS%", facts.to},
      {"%DATE%", facts.date},
      {"%MESSAGEID%", facts.message_id},
      {"%SWAKS_VERSION%", facts.version},
      {"%NEWLINE%", "\n"},
  }};
  std::string out;
  while (!text.empty()) {
    const auto at = std::min(text.find('%'), text.size());
    out += text.substr(0, at);
    text.remove_prefix(at);
    if (text.empty()) break;
    const auto found = std::ranges::find_if(tokens, [&](const auto& t) { return text.starts_with(t.first); });
    if (found == tokens.end()) {
      out += '%';
      text.remove_prefix(1);
    } else {
      out += found->second;
      text.remove_prefix(found->first.size());
    }
  }
  return out;
}

std::string with_line_ends(std::string text) {
  replace_all(text, "\\n", "\n");
  replace_all(text, "\r\n", "\n");
  return text;
}

std::string expanded(const std::string& text, const DraftFacts& facts) {
  return with_tokens(with_line_ends(text), facts);
}

/// The lines of header fields, each with its folds.
std::vector<std::string> fields_of(const std::string& text) {
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    if (!fields.empty() && (line.starts_with(' ') || line.starts_with('\t'))) {
      fields.back() += '\n' + line;
    } else {
      fields.push_back(line);
    }
    at = end + 1;
  }
  return fields;
}

std::string_view name_of(std::string_view field) {
  return field.substr(0, std::min(field.find(':'), field.size()));
}

/// The header section of `text`: whole lines up to the empty line, or to a token that stands behind it.
std::size_t header_end(const std::string& text) {
  const auto empty_line = text.find("\n\n");
  const auto end = std::min({empty_line == std::string::npos ? text.size() : empty_line + 1,
                             text.find(kHeadersToken), text.find(kBodyToken), text.size()});
  return end == 0 ? 0 : text.rfind('\n', end - 1) + 1;
}

/// Puts each field in the place of one of its name; what has none there is added to `fresh`.
void replace_headers(std::string& text, const std::vector<std::string>& fields,
                     std::vector<std::string>& fresh) {
  const auto end = header_end(text);
  auto present = fields_of(text.substr(0, end));
  for (const auto& field : fields) {
    auto found =
        std::ranges::find_if(present, [&](auto& p) { return same_word(name_of(p), name_of(field)); });
    if (found != present.end()) {
      *found = field;
      continue;
    }
    found = std::ranges::find_if(fresh, [&](auto& f) { return same_word(name_of(f), name_of(field)); });
    if (found != fresh.end()) {
      *found = field;
    } else {
      fresh.push_back(field);
    }
  }
  std::string section;
  for (const auto& field : present) section += field + '\n';
  text.replace(0, end, section);
}

void add_headers(std::string& text, const std::vector<std::string>& fields) {
  std::string lines;
  for (const auto& field : fields) lines += field + '\n';
  const auto token = text.find(kHeadersToken);
  if (token != std::string::npos) {
    text.replace(token, kHeadersToken.size(), lines);
  } else if (const auto empty_line = text.find("\n\n"); empty_line != std::string::npos) {
    text.insert(empty_line + 1, lines);
  } else {
    text.insert(0, lines);
  }
}

std::vector<std::string> asked_fields(const std::vector<std::string>& options, const DraftFacts& facts) {
  std::vector<std::string> fields;
  for (const auto& option : options) {
    for (auto& field : fields_of(expanded(option, facts))) fields.push_back(encoded_header(field));
  }
  return fields;
}

MimeBody body_of(const MessageDraft& draft, const DraftFacts& facts) {
  const auto text = expanded(draft.body.empty() ? std::string(kUsualBody) : draft.body, facts);
  if (!draft.bodies.empty() || !draft.attachments.empty()) {
    auto bodies = draft.bodies;
    if (bodies.empty()) bodies.push_back({"text/plain", "", text});
    for (auto& body : bodies) {
      if (body.type.empty() || body.type == "text/plain") body.content = expanded(body.content, facts);
    }
    return multipart(bodies, draft.attachments, facts.boundary);
  }
  if (draft.data.empty() && !is_ascii(text) && is_utf8(text)) return utf8_text(text);
  return {{}, text};
}

/// A message in which no empty line stands anywhere, before tokens are looked at, gets one at its end.
void end_header(std::string& text, const MessageDraft& draft) {
  const bool has_body = text.find(kBodyToken) != std::string::npos;
  const bool has_parts = !draft.bodies.empty() || !draft.attachments.empty();
  const auto body = has_body ? with_line_ends(draft.body) : std::string();
  if (has_body && has_parts) return;
  auto whole = text;
  replace_all(whole, kBodyToken, body.empty() ? kUsualBody : std::string_view(body));
  if (whole.find("\n\n") != std::string::npos) return;
  while (text.ends_with('\n')) text.pop_back();
  text += body.ends_with('\n') && text.ends_with(kBodyToken) ? "\n" : "\n\n";
}

/// The message with line ends "\n", before its dots.
std::string put_together(const MessageDraft& draft, const DraftFacts& facts) {
  auto text = with_line_ends(draft.data.empty() ? std::string(kUsualData) : draft.data);
  if (draft.strip_from_line && text.starts_with("From "))
    text.erase(0, std::min(text.find('\n'), text.size() - 1) + 1);
  end_header(text, draft);
  const auto body = body_of(draft, facts);
  const bool body_used = text.find(kBodyToken) != std::string::npos;
  // The tokens of the template first: a body was looked through for its own.
  auto fresh = body_used ? body.fields : std::vector<std::string>();
  const auto present = fields_of(text.substr(0, header_end(text)));
  std::erase_if(fresh, [&](const auto& field) {
    return std::ranges::any_of(present, [&](const auto& p) { return same_word(name_of(p), name_of(field)); });
  });
  std::ranges::move(asked_fields(draft.added_headers, facts), std::back_inserter(fresh));
  replace_headers(text, asked_fields(draft.replaced_headers, facts), fresh);
  add_headers(text, fresh);
  text = with_tokens(text, facts);
  replace_all(text, kBodyToken, body.text);
  return text;
}

}  // namespace

std::string drafted(const MessageDraft& draft, const DraftFacts& facts) {
  if (!draft.fixup) return draft.data + "\r\n";
  auto text = put_together(draft, facts);
  if (!text.ends_with("\n.\n")) text += text.ends_with("\n.") ? "\n" : "\n.\n";
  std::string_view rest(text.data(), text.size() - 2);
  std::string out;
  out.reserve(text.size() + text.size() / 32 + 8);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (rest.front() == '.') out += '.';
    out.append(rest.substr(0, end)).append("\r\n");
    rest.remove_prefix(end + 1);
  }
  return out += ".\r\n";
}

std::string drafted_text(const MessageDraft& draft, const DraftFacts& facts) {
  if (!draft.fixup) return draft.data;
  auto text = put_together(draft, facts);
  if (text.ends_with("\n.\n")) return text.erase(text.size() - 2);
  if (text.ends_with("\n.")) return text.erase(text.size() - 1);
  return text += '\n';  // which the wire has before the dot
}

}  // namespace hikyaku::probe
