#include "cmd/mime_show.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/exit_code.h"
#include "cmd/mime_io.h"
#include "cmd/mime_notes.h"
#include "mail/header.h"
#include "mime/content_reader.h"
#include "mime/encoded_word.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kKinds[] = {"leaf", "multipart", "message"};

/// The headers of a message that people look for.
bool shown(mail::HeaderName name) {
  using Name = mail::HeaderName;
  return name == Name::from || name == Name::to || name == Name::cc || name == Name::subject ||
         name == Name::date || name == Name::message_id || name == Name::reply_to;
}

struct Header {
  std::string name, value;
  mime::Repairs repairs;
};

struct Row {
  std::string number, type, encoding, charset, name, disposition;
  mime::Part::Kind kind;
  std::size_t depth;
  std::uint64_t header_offset, body_offset, encoded = 0, decoded = 0;
  std::vector<Header> headers;
  mime::Repairs parameters;
  std::vector<mime::TransferNotes::Note> notes;
};

class Tree : public mime::ContentListener {
 public:
  std::vector<Row> rows;
  std::vector<mime::StructureProblem> problems;

  void part_begins(const mime::Part& part, const mime::PartFacts& facts) override {
    Row row{.number = part.number,
            .type = part.type,
            .encoding = part.content.encoding,
            .charset = facts.charset,
            .name = facts.name,
            .disposition = facts.disposition,
            .kind = part.kind,
            .depth = part.depth,
            .header_offset = part.header_offset,
            .body_offset = part.body_offset,
            .headers = {},
            .parameters = facts.repairs,
            .notes = {}};
    const bool of_message = part.depth == 0 || rows[open_.back()].kind == mime::Part::Kind::message;
    if (of_message) read_headers(part.header, row);
    open_.push_back(rows.size());
    rows.push_back(std::move(row));
  }
  void content(const mime::Part&, std::string_view) override {}
  void part_ends(const mime::Part&, const mime::PartResult& result) override {
    auto& row = rows[open_.back()];
    open_.pop_back();
    row.encoded = result.encoded;
    row.decoded = result.decoded;
    row.notes = result.notes.all();
  }
  void problem(const mime::StructureProblem& problem) override { problems.push_back(problem); }

 private:
  static void read_headers(const std::string& section, Row& row) {
    mail::HeaderFields fields(section);
    while (const auto field = fields.next()) {
      if (!shown(mail::header_kind(field->name).name)) continue;
      auto decoded = mime::decode_structured_value(field->value, mime::header_grammar(field->name));
      row.headers.push_back({std::string(field->name), std::move(decoded.text), std::move(decoded.repairs)});
    }
  }
  std::vector<std::size_t> open_;  // rows of the parts that have not ended
};

nlohmann::json json_of(const Row& row) {
  nlohmann::json json{{"part", row.number},
                      {"kind", kKinds[static_cast<std::size_t>(row.kind)]},
                      {"type", row.type},
                      {"depth", row.depth},
                      {"header_offset", row.header_offset},
                      {"body_offset", row.body_offset},
                      {"encoded_size", row.encoded}};
  if (row.kind == mime::Part::Kind::leaf) json["size"] = row.decoded;
  if (!row.encoding.empty()) json["encoding"] = row.encoding;
  if (!row.charset.empty()) json["charset"] = row.charset;
  if (!row.name.empty()) json["name"] = row.name;
  if (!row.disposition.empty()) json["disposition"] = row.disposition;
  for (const auto& [name, value, repairs] : row.headers) {
    auto& header = json["headers"].emplace_back(nlohmann::json{{"name", name}, {"value", value}});
    if (loses_content(repairs)) header["undecodable"] = true;
  }
  if (loses_content(row.parameters)) json["undecodable"] = true;
  for (const auto& note : row.notes)
    json["problems"].push_back({{"problem", mime::word(note.fault)},
                                {"offset", row.body_offset + note.offset},
                                {"count", note.count}});
  return json;
}

void print(const Row& row) {
  const std::string indent(row.depth * 2, ' ');
  auto line = fmt::format("{}{:<6} {}", indent, row.number, escaped(row.type));
  if (!row.charset.empty()) line += "; " + escaped(row.charset);
  if (!row.encoding.empty()) line += ", " + escaped(row.encoding);
  line += row.kind == mime::Part::Kind::leaf ? fmt::format(", {} octets", row.decoded) : std::string();
  if (row.kind == mime::Part::Kind::leaf && row.encoded != row.decoded)
    line += fmt::format(" ({} encoded)", row.encoded);
  if (!row.disposition.empty()) line += ", " + escaped(row.disposition);
  if (!row.name.empty()) line += " \"" + escaped(row.name) + "\"";
  fmt::print("{}, at {}\n", line, row.body_offset);
  for (const auto& [name, value, repairs] : row.headers)
    fmt::print("{}       {}: {}\n", indent, escaped(name), escaped(value));
}

}  // namespace

int mime_show(const std::string& path, bool as_json) {
  Tree tree;
  mime::ContentReader reader(tree);
  const auto read =
      read_with_progress(path, "reading the message", [&](std::string_view piece) { reader.feed(piece); });
  if (!read) return tell_error("hikyaku mime show", read.error());
  reader.finish();
  for (const auto& row : tree.rows) {
    if (as_json)
      print_json(json_of(row));
    else
      print(row);
  }
  MimeNotes notes(as_json ? MimeNotes::Told::nothing : MimeNotes::Told::all);
  for (const auto& problem : tree.problems) {
    if (as_json)
      print_json({{"problem", mime::word(problem.kind)}, {"part", problem.part}, {"offset", problem.offset}});
    notes.problem(problem);
  }
  for (const auto& row : tree.rows) {
    for (const auto& header : row.headers) notes.header(row.number, header.name, header.repairs);
    notes.header(row.number, MimeNotes::kParameters, row.parameters);
    mime::TransferNotes of_part;
    for (const auto& note : row.notes) of_part.add(note.fault, note.offset, note.count);
    notes.transfer(row.number, of_part);
  }
  return notes.lost() ? EX_DATAERR : EX_OK;
}

}  // namespace hikyaku::cmd
