#include "mime/content_reader.h"

#include "mail/header.h"

namespace hikyaku::mime {
namespace {

/// The value of the first field of that name; empty: there is none.
std::string_view field_value(std::string_view section, mail::HeaderName name) {
  mail::HeaderFields fields(section);
  while (const auto field = fields.next())
    if (mail::header_kind(field->name).name == name) return field->value;
  return {};
}

const TransferNotes kNoNotes;

}  // namespace

PartFacts PartFacts::of(const Part& part) {
  PartFacts facts;
  facts.encoding = transfer_encoding(part.content.encoding);
  auto type = decode_parameters(field_value(part.header, mail::HeaderName::content_type));
  auto disposition = decode_parameters(field_value(part.header, mail::HeaderName::content_disposition));
  facts.disposition = disposition.value;
  if (const auto* name = disposition.find("filename")) facts.name = name->value;
  if (const auto* name = type.find("name"); name != nullptr && facts.name.empty()) facts.name = name->value;
  if (const auto* charset = type.find("charset")) facts.charset = charset->value;
  facts.repairs = std::move(type.repairs);
  for (auto& repair : disposition.repairs.list)
    facts.repairs.add(repair.kind, repair.where, std::move(repair.what));
  facts.repairs.more += disposition.repairs.more;
  facts.text =
      part.kind == Part::Kind::leaf && part.type.starts_with("text/") && facts.disposition != "attachment";
  return facts;
}

void ContentReader::feed(std::string_view octets) {
  for (; !octets.empty(); octets.remove_prefix(std::min(kStep, octets.size())))
    reader_.feed(octets.substr(0, kStep));
}

void ContentReader::part_begins(const Part& part) {
  const auto facts = PartFacts::of(part);
  if (part.kind == Part::Kind::leaf) {
    decoder_ = make_transfer_decoder(facts.encoding);
    as_it_stands_ =
        facts.encoding == TransferEncoding::binary || facts.encoding == TransferEncoding::eight_bit;
    decoded_size_ = 0;
  }
  listener_.part_begins(part, facts);
}

void ContentReader::octets(const Part& part, Piece piece, std::string_view octets, std::uint64_t) {
  if (piece == Piece::boundary) return;
  if (piece != Piece::body) return listener_.around(part, octets);
  if (as_it_stands_) {
    decoded_size_ += octets.size();
    return listener_.content(part, octets);
  }
  decoder_->feed(octets, decoded_);
  hand_on(part);
}

void ContentReader::part_ends(const Part& part, const PartEnd& end) {
  if (part.kind != Part::Kind::leaf) return listener_.part_ends(part, {end.body_size, 0, kNoNotes});
  decoder_->finish(decoded_);
  hand_on(part);
  listener_.part_ends(part, {end.body_size, decoded_size_, decoder_->notes()});
}

void ContentReader::hand_on(const Part& part) {
  if (decoded_.empty()) return;
  decoded_size_ += decoded_.size();
  listener_.content(part, decoded_);
  decoded_.clear();
}

}  // namespace hikyaku::mime
