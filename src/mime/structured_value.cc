#include <algorithm>
#include <array>

#include "mail/header.h"
#include "mime/address_parts.h"
#include "mime/encoded_word.h"
#include "mime/header_text.h"
#include "mime/word_group.h"

namespace hikyaku::mime {
namespace {

using K = AddressPart::Kind;

bool has_specials(std::string_view text) {
  return text.find_first_of("()<>[]:;@\\,.\"") != std::string_view::npos;
}

std::string phrase(std::string_view text, std::size_t where, Repairs& repairs) {
  const auto decoded = decode_stretch(text, where, repairs);
  const auto inner = trimmed(decoded);
  if (decoded == unfolded(text) || !has_specials(inner) || inner.empty()) return decoded;
  const auto blanks = static_cast<std::size_t>(inner.data() - decoded.data());
  return decoded.substr(0, blanks) + in_quotes(inner) + decoded.substr(blanks + inner.size());
}

std::string quoted_string(std::string_view text, std::size_t where, Repairs& repairs) {
  const auto inner = unquoted(text);
  Repairs within;
  const auto decoded = decode_stretch(inner, where + 1, within);
  if (decoded == inner && within.empty()) return unfolded(text);
  if (inner.find("=?") != std::string::npos)
    repairs.add(RepairKind::word_in_quoted_string, where,
                "an encoded word inside a quoted string; decoded all the same");
  repairs.add(std::move(within));
  return in_quotes(decoded);
}

std::string comment(std::string_view text, std::size_t where, Repairs& repairs) {
  const auto inner = text.substr(1, text.size() - 2);
  const auto decoded = decode_stretch(inner, where + 1, repairs);
  if (decoded == unfolded(inner)) return unfolded(text);
  std::string out = "(";
  const bool nested = inner.find('(') != std::string_view::npos;
  for (const char c : decoded) {
    if (!nested && (c == '(' || c == ')' || c == '\\')) out += '\\';
    out += c;
  }
  return out + ")";
}

constexpr std::array<std::string_view, 22> kVerbatim = {"Authentication-Results",
                                                        "Autocrypt",
                                                        "Content-Disposition",
                                                        "Content-ID",
                                                        "Content-Location",
                                                        "Content-Transfer-Encoding",
                                                        "Content-Type",
                                                        "DKIM-Signature",
                                                        "Date",
                                                        "Delivered-To",
                                                        "DomainKey-Signature",
                                                        "In-Reply-To",
                                                        "List-Archive",
                                                        "List-Help",
                                                        "List-Post",
                                                        "List-Subscribe",
                                                        "List-Unsubscribe",
                                                        "MIME-Version",
                                                        "Message-ID",
                                                        "Received",
                                                        "Received-SPF",
                                                        "References"};
constexpr std::array<std::string_view, 5> kMoreVerbatim = {"Resent-Date", "Resent-Message-ID", "Return-Path",
                                                           "List-Unsubscribe-Post", "X-Original-To"};

}  // namespace

HeaderGrammar header_grammar(std::string_view name) {
  const auto same = [&](std::string_view known) { return mail::same_header_name(known, name); };
  if (std::any_of(kVerbatim.begin(), kVerbatim.end(), same) ||
      std::any_of(kMoreVerbatim.begin(), kMoreVerbatim.end(), same))
    return HeaderGrammar::verbatim;
  if (name.size() > 4 && mail::same_header_name(name.substr(0, 4), "ARC-")) return HeaderGrammar::verbatim;
  const auto& kind = mail::header_kind(name);
  if (kind.role != mail::HeaderRole::other || same("List-ID") || same("Mail-Reply-To"))
    return HeaderGrammar::addresses;
  return HeaderGrammar::unstructured;
}

DecodedText decode_structured_value(std::string_view value, HeaderGrammar grammar) {
  if (grammar == HeaderGrammar::unstructured) return decode_header_value(value);
  DecodedText out;
  AddressParts parts(value);
  AddressPart part;
  while (grammar == HeaderGrammar::addresses && parts.next(part)) {
    const auto text = value.substr(part.begin, part.end - part.begin);
    if (part.kind == K::text) {
      out.text += phrase(text, part.begin, out.repairs);
    } else if (part.kind == K::quoted) {
      out.text += quoted_string(text, part.begin, out.repairs);
    } else if (part.kind == K::comment) {
      out.text += comment(text, part.begin, out.repairs);
    } else {
      out.text += decode_raw(unfolded(text), part.begin, out.repairs);
    }
  }
  if (grammar == HeaderGrammar::verbatim) out.text = decode_raw(unfolded(value), 0, out.repairs);
  // What was no encoded word has had its controls taken out piece by piece; angles and quotes have not.
  out.text = without_controls(std::string(trimmed(out.text)), 0, out.repairs);
  return out;
}

}  // namespace hikyaku::mime
