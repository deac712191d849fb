#include "cmd/mime_extract.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/exit_code.h"
#include "cmd/extracted_files.h"
#include "cmd/mime_decode.h"
#include "cmd/mime_io.h"
#include "cmd/mime_notes.h"
#include "cmd/octet_ranges.h"
#include "mime/content_reader.h"
#include "mime/encoded_word.h"
#include "mime/media_type.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kName = "hikyaku mime extract";

/// The parts of one yEnc file that have come, from whatever messages.
struct Assembly {
  std::string name;  // in the folder
  std::uint64_t size = 0;
  OctetRanges present;
};

/// Writes the attachments of messages to a folder: parts with a name or that are no text, and files that
/// stand encoded in texts.
class Extractor : public mime::ContentListener, private mime::EmbeddedFileListener {
 public:
  Extractor(const MimeExtractOptions& options, ExtractFolder& folder, MimeNotes& notes)
      : options_(options), folder_(folder), notes_(notes) {}
  const std::optional<Error>& fault() const { return fault_; }
  bool too_much() const { return too_much_; }

  void part_begins(const mime::Part& part, const mime::PartFacts& facts) override {
    part_ = part.number;
    if (part.kind != mime::Part::Kind::leaf) return;
    notes_.header(part.number, MimeNotes::kParameters, facts.repairs);
    const auto extension = std::string(mime::extension_of(part.type));
    if (!facts.text || !facts.name.empty() || options_.all) {
      open(facts.name, "part-" + part.number + extension);
    } else if (part.type == "text/plain") {
      files_.emplace(static_cast<mime::EmbeddedFileListener&>(*this));
    }
  }
  void content(const mime::Part&, std::string_view octets) override {
    if (files_) {
      files_->feed(octets);
    } else {
      put(octets);
    }
  }
  void part_ends(const mime::Part& part, const mime::PartResult& result) override {
    if (part.kind != mime::Part::Kind::leaf) return;
    if (files_) {
      files_->finish();
      files_.reset();
    }
    notes_.transfer(part.number, result.notes);
    close();
  }
  void problem(const mime::StructureProblem& problem) override { notes_.problem(problem); }

  /// Files of several parts of which not all came.
  void tell_missing() {
    for (const auto& [key, file] : assemblies_)
      if (file.present.total() < file.size) {
        notes_.tell(fmt::format("{}: only {} of {} octets came; the other parts are missing",
                                escaped(file.name), file.present.total(), file.size));
        missing_ = true;
      }
  }
  bool missing() const { return missing_; }

 private:
  void text(std::string_view) override {}
  void file_begins(const mime::EmbeddedFile& file) override {
    const auto decoded = mime::decode_header_value(file.name);
    notes_.header(part_, "the name of a file in its text", decoded.repairs);
    const auto& name = decoded.text;
    if (file.part == 0) return open(name, "file.bin");
    // Behind it a file would be as large, of nothing but zeros.
    if (options_.largest > 0 && file.begin >= options_.largest)
      return refuse(escaped(name) + larger_than_allowed());
    auto& assembly = assemblies_[std::to_string(file.size) + " " + file.name];
    at_ = begin_ = file.begin;
    assembly_ = &assembly;
    if (assembly.name.empty()) {
      open(name, "file.bin", file.begin);
      if (file_) assembly = {.name = file_->name(), .size = file.size, .present = {}};
    } else {
      keep(folder_.reopen(assembly.name), file.begin);
    }
  }
  void file(std::string_view octets) override {
    if (assembly_ != nullptr && (at_ > assembly_->size || octets.size() > assembly_->size - at_))
      return refuse("more octets than its lines tell");
    put(octets);
  }
  void file_ends(std::uint64_t, const mime::TransferNotes& notes) override {
    notes_.transfer(part_, notes);
    if (assembly_ != nullptr && !assembly_->present.add(begin_, at_)) refuse("too many holes in one file");
    assembly_ = nullptr;
    close();
  }

  void open(const std::string& name, const std::string& otherwise, std::uint64_t offset = 0) {
    if (fault_) return;
    if (count_++ >= options_.most)
      return refuse("more than " + std::to_string(options_.most) + " files (--most)");
    keep(folder_.create(name, otherwise), offset);
  }
  void keep(Result<std::unique_ptr<ExtractedFile>> file, std::uint64_t offset) {
    if (!file) {
      fault_ = file.error();
      return;
    }
    file_ = std::move(*file);
    at_ = offset;
    written_ = 0;
  }
  std::string larger_than_allowed() const {
    return " is larger than " + std::to_string(options_.largest) + " octets (--largest)";
  }
  void refuse(const std::string& why) {
    if (!too_much_) notes_.tell("part " + part_ + ": " + why + "; the rest is left out");
    too_much_ = true;
    cut_ = true;
  }
  void put(std::string_view octets) {
    if (!file_ || fault_ || cut_) return;
    if (options_.largest > 0 && octets.size() > options_.largest - at_) {
      refuse(escaped(file_->name()) + larger_than_allowed());
      octets = octets.substr(0, options_.largest - at_);
    }
    const auto wrote = file_->write(octets, at_);
    if (!wrote) fault_ = wrote.error();
    at_ += octets.size();
    written_ += octets.size();
  }
  void close() {
    cut_ = false;
    if (!file_) return;
    const auto closed = file_->close();
    if (!closed && !fault_) fault_ = closed.error();
    if (options_.as_json) {
      print_json({{"file", file_->name()}, {"part", part_}, {"size", written_}});
    } else {
      fmt::print("{} ({} octets)\n", escaped(file_->name()), written_);
    }
    file_.reset();
  }

  const MimeExtractOptions& options_;
  ExtractFolder& folder_;
  MimeNotes& notes_;
  std::map<std::string, Assembly> assemblies_;  // as many as there are files at most
  Assembly* assembly_ = nullptr;
  std::optional<mime::EmbeddedFileReader> files_;
  std::unique_ptr<ExtractedFile> file_;
  std::string part_;
  std::uint64_t at_ = 0;  // where the next octets of the file go: below options_.largest, or at it
  std::uint64_t begin_ = 0, written_ = 0, count_ = 0;
  std::optional<Error> fault_;
  bool too_much_ = false, cut_ = false, missing_ = false;
};

int extract_to_folder(const MimeExtractOptions& options) {
  auto folder = ExtractFolder::open(options.folder);
  if (!folder) return tell_error(kName, folder.error());
  MimeNotes notes(MimeNotes::Told::all);
  Extractor extractor(options, *folder, notes);
  auto paths = options.paths;
  if (paths.empty()) paths.emplace_back();
  for (const auto& path : paths) {
    mime::ContentReader reader(extractor, {.open_messages = !options.messages});
    const auto read = read_in_pieces(path, [&](std::string_view piece) {
      reader.feed(piece);
      return !extractor.fault();
    });
    if (!read) return tell_error(kName, read.error());
    if (!extractor.fault()) reader.finish();
    if (extractor.fault()) return tell_error(kName, *extractor.fault());
  }
  extractor.tell_missing();
  return notes.lost() || extractor.too_much() || extractor.missing() ? EX_DATAERR : EX_OK;
}

}  // namespace

int mime_extract(const MimeExtractOptions& options) {
  if (options.part.empty()) return extract_to_folder(options);
  if (options.paths.size() > 1) return tell_error(kName, {Fault::malformed, "--part goes with one FILE"});
  const auto path = options.paths.empty() ? std::string() : options.paths.front();
  return mime_decode({.path = path,
                      .part = options.part,
                      .encoding = {},
                      .charset = {},
                      .raw = true,
                      .messages = options.messages});
}

}  // namespace hikyaku::cmd
