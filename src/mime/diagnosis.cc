#include "mime/diagnosis.h"

#include <array>
#include <charconv>
#include <utility>

#include "mime/header_doctor.h"

namespace hikyaku::mime {
namespace {

/// A label is changed only by a guess that is better than this.
constexpr double kSure = 0.6;

bool mended(StructureProblem::Kind kind) {
  using Kind = StructureProblem::Kind;
  return kind == Kind::separator_missing || kind == Kind::closing_missing || kind == Kind::boundary_missing;
}

/// How a body with this fault is to be written; nullopt: it stays as it is.
std::optional<PartRepair::Body> body_for(TransferFault fault) {
  switch (fault) {
    case TransferFault::eight_bit_in_7bit:
      return PartRepair::Body::labelled_8bit;
    case TransferFault::broken_escape:
    case TransferFault::lower_case_hex:
    case TransferFault::trailing_blanks:
    case TransferFault::eight_bit_in_quoted:
    case TransferFault::ended_in_soft_break:
      return PartRepair::Body::quoted_printable;
    case TransferFault::garbage_in_base64:
    case TransferFault::padding_in_base64:
    case TransferFault::padding_missing:
    case TransferFault::base64_cut:
    case TransferFault::unused_bits:
      return PartRepair::Body::base64;
    default:
      return std::nullopt;
  }
}

std::string shortened(double confidence) {
  std::array<char, 16> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), confidence, std::chars_format::fixed, 2);
  return {digits.data(), end.ptr};
}

}  // namespace

void Diagnosis::feed(std::string_view octets) {
  lines_.feed(octets);
  reader_.feed(octets);
}

void Diagnosis::finish() {
  lines_.finish();
  reader_.finish();
  examine_lines();
}

void Diagnosis::add(Finding finding) {
  if (findings_.size() < kFindings) {
    findings_.push_back(std::move(finding));
  } else {
    ++more_;
  }
}

void Diagnosis::part_begins(const Part& part, const PartFacts& facts) {
  examine_header_of(part);
  text_part_ = part.kind == Part::Kind::leaf && part.type.starts_with("text/");
  if (text_part_) text_.emplace(facts.charset);
}

void Diagnosis::examine_header_of(const Part& part) {
  const auto report = examine_header(part.header);
  for (const auto& field : report.fields) {
    for (const auto& repair : field.repairs.list)
      add({.part = part.number,
           .problem = std::string(repair_name(repair.kind)),
           .what = repair_line(field, repair),
           .header_line = field.line,
           .offset = part.header_offset,
           .repairable = !field.after.empty()});
    more_ += field.repairs.more;
  }
  more_ += report.more;
}

void Diagnosis::content(const Part&, std::string_view octets) {
  if (!text_part_) return;
  text_->feed(octets, decoded_);
  decoded_.clear();
}

void Diagnosis::part_ends(const Part& part, const PartResult& result) {
  if (part.kind == Part::Kind::multipart && !part.boundary.empty() && !part.content.boundary())
    repair_.parts[part.number].boundary = part.boundary;
  if (part.kind != Part::Kind::leaf) return;
  examine_transfer(part, result.notes);
  if (std::exchange(text_part_, false)) examine_text(part);
}

void Diagnosis::examine_transfer(const Part& part, const TransferNotes& notes) {
  for (const auto& note : notes.all()) {
    const auto body = body_for(note.fault);
    if (body) repair_.parts[part.number].body = *body;
    auto what = std::string(text(note.fault));
    if (note.count > 1) what += " (" + std::to_string(note.count) + " places)";
    add({.part = part.number,
         .problem = std::string(word(note.fault)),
         .what = std::move(what),
         .offset = part.body_offset + note.offset,
         .repairable = body.has_value()});
  }
}

void Diagnosis::examine_text(const Part& part) {
  using Source = BodyTextFacts::Source;
  text_->finish(decoded_);
  decoded_.clear();
  const auto& facts = text_->facts();
  const bool plain = facts.source == Source::no_label && facts.charset.kind == CharsetKind::ascii;
  if (facts.source != Source::label && !plain) {
    const bool sure = facts.confidence >= kSure;
    if (sure) repair_.parts[part.number].charset = facts.charset.name;
    const auto why = facts.source == Source::no_label ? "no label tells the charset of this text"
                     : facts.source == Source::unknown_label
                         ? "nobody knows the charset that this text is labelled with"
                         : "this text is not in the charset that its label says";
    const auto problem = facts.source == Source::no_label        ? "no_charset"
                         : facts.source == Source::unknown_label ? "unknown_charset"
                                                                 : "wrong_charset";
    add({.part = part.number,
         .problem = problem,
         .what = std::string(why) + "; it is " + std::string(facts.charset.name) + " (confidence " +
                 shortened(facts.confidence) + ": " + facts.reason + ")",
         .offset = part.body_offset,
         .repairable = sure});
  }
  const auto* notes = text_->notes();
  if (notes != nullptr && notes->replaced > 0)
    add({.part = part.number,
         .problem = "undecodable",
         .what = std::to_string(notes->replaced) + " places that are not " + std::string(facts.charset.name) +
                 ", the first at octet " + std::to_string(notes->first_bad.value_or(0)) + " of the text",
         .offset = part.body_offset});
  text_.reset();
}

void Diagnosis::problem(const StructureProblem& problem) {
  add({.part = problem.part,
       .problem = std::string(word(problem.kind)),
       .what = std::string(text(problem.kind)),
       .offset = problem.offset,
       .repairable = mended(problem.kind)});
}

void Diagnosis::examine_lines() {
  // A file of Unix has LF alone throughout.
  repair_.lf = lines_.crlf.count == 0;
  repair_.line_ends = lines_.crlf.count > 0 && lines_.bare_lf.count > 0;
  const auto tell = [this](const LineScan::Found& found, std::string_view problem, std::string_view what,
                           bool repairable) {
    if (found.count > 0)
      add({.part = {},
           .problem = std::string(problem),
           .what = std::to_string(found.count) + " " + std::string(what),
           .offset = found.first,
           .repairable = repairable});
  };
  if (repair_.line_ends) tell(lines_.bare_lf, "bare_lf", "lines end in LF, the others in CRLF", true);
  tell(lines_.bare_cr, "bare_cr", "CR without LF", false);
  tell(lines_.nul, "nul", "NUL octets", false);
  tell(lines_.long_lines, "long_line", "lines of more than 998 octets", false);
}

}  // namespace hikyaku::mime
