#include "record/envelope.h"

#include "mail/header.h"
#include "record/frame.h"

namespace hikyaku::record {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::array<std::string_view, Envelope::kNames> kFieldNames{
    "Date", "Subject", "From", "Sender", "Reply-To", "To", "Cc", "Message-ID", "In-Reply-To", "Content-Type"};

constexpr std::string_view kWhite = " \t\r\n";

}  // namespace

Envelope summarize(std::string_view header_section) {
  Envelope envelope;
  envelope.header_size = header_section.size();
  mail::HeaderFields fields(header_section);
  while (const auto field = fields.next()) {
    for (std::size_t i = 0; i < kFieldNames.size(); ++i) {
      auto& kept = envelope.fields[i];
      if (kept.size != 0 || !mail::same_header_name(field->name, kFieldNames[i])) continue;
      const auto begin = field->value.find_first_not_of(kWhite);
      if (begin == std::string_view::npos) break;
      const auto value = field->value.substr(begin, field->value.find_last_not_of(kWhite) + 1 - begin);
      kept.offset = static_cast<std::uint64_t>(value.data() - header_section.data());
      kept.size = value.size();
      kept.value = value.substr(0, Envelope::kLongest);
      break;
    }
  }
  return envelope;
}

std::string encode(const Envelope& envelope) {
  std::size_t octets = 32;
  for (const auto& field : envelope.fields) octets += field.value.size() + 8;
  FrameWriter out(kVersion, octets);
  out.number(envelope.header_size);
  out.number(envelope.fields.size());
  for (const auto& field : envelope.fields) {
    out.number(field.size);
    if (field.size == 0) continue;
    out.number(field.offset);
    out.text(field.value);
  }
  return std::move(out).finish();
}

Result<Envelope> decode_envelope(std::string_view stored) {
  FrameReader in(stored, kVersion, "envelope");
  Envelope envelope;
  envelope.header_size = in.number();
  if (in.number(Envelope::kNames) != Envelope::kNames) in.bad("it has not all fields");
  for (auto& field : envelope.fields) {
    field.size = in.number();
    if (field.size == 0) continue;
    field.offset = in.number();
    field.value = in.text();
    if (field.value.size() > Envelope::kLongest) in.bad("a value is too long");
  }
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return envelope;
}

}  // namespace hikyaku::record
