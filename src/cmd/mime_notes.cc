#include "cmd/mime_notes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/escape.h"

namespace hikyaku::cmd {

bool loses_content(mime::TransferFault fault) {
  switch (fault) {
    case mime::TransferFault::base64_cut:
    case mime::TransferFault::uu_not_ended:
    case mime::TransferFault::yenc_not_ended:
    case mime::TransferFault::yenc_size:
    case mime::TransferFault::yenc_checksum:
    case mime::TransferFault::unknown_encoding:
    case mime::TransferFault::more_files:
      return true;
    default:
      return false;
  }
}

bool loses_content(const mime::Repairs& repairs) {
  return std::any_of(repairs.list.begin(), repairs.list.end(),
                     [](const auto& repair) { return repair.kind == mime::RepairKind::undecodable; });
}

void MimeNotes::tell(const std::string& text) {
  if (told_ == Told::all) fmt::print(stderr, "hikyaku mime: {}\n", escaped(text));
}

void MimeNotes::problem(const mime::StructureProblem& problem) {
  const auto part = problem.part.empty() ? std::string() : "part " + problem.part + ", ";
  tell(fmt::format("{}offset {}: {}", part, problem.offset, mime::text(problem.kind)));
}

void MimeNotes::transfer(const std::string& part, const mime::TransferNotes& notes) {
  for (const auto& note : notes.all()) {
    lost_ = lost_ || loses_content(note.fault);
    const auto more = note.count > 1 ? fmt::format(" ({} places)", note.count) : std::string();
    tell(
        fmt::format("part {}, offset {} of its body: {}{}", part, note.offset, mime::text(note.fault), more));
  }
}

void MimeNotes::header(const std::string& part, std::string_view field, const mime::Repairs& repairs) {
  if (!loses_content(repairs)) return;
  lost_ = true;
  const auto place = part.empty() ? std::string() : "part " + part + ", ";
  tell(fmt::format("{}{}: octets that can't be decoded; written as U+FFFD", place, field));
}

void MimeNotes::text(const std::string& part, const mime::BodyTextDecoder& decoder) {
  using Source = mime::BodyTextFacts::Source;
  const auto& facts = decoder.facts();
  // ASCII without a label is as it should be.
  const bool plain = facts.source == Source::no_label && facts.charset.kind == mime::CharsetKind::ascii;
  if (facts.source != Source::label && !plain) {
    const std::string_view why = facts.source == Source::no_label ? "has no label of its charset"
                                 : facts.source == Source::unknown_label
                                     ? "has a label that nobody knows"
                                     : "is not in the charset that its label says";
    tell(fmt::format("part {} {}; read as {} (confidence {:.2f}: {})", part, why, facts.charset.name,
                     facts.confidence, facts.reason));
  }
  const auto* notes = decoder.notes();
  if (notes == nullptr || notes->replaced == 0) return;
  lost_ = true;
  tell(fmt::format("part {}, offset {} of its text: {} places that are not {}; written as U+FFFD", part,
                   notes->first_bad.value_or(0), notes->replaced, facts.charset.name));
}

}  // namespace hikyaku::cmd
