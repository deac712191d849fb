#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mime/body_text.h"
#include "mime/content_reader.h"
#include "mime/line_scan.h"
#include "mime/message_repair.h"

namespace hikyaku::mime {

/// One thing that is wrong with a message.
struct Finding {
  std::string part;             ///< its number; empty: the message as a whole
  std::string problem;          ///< one word: "shift_state_carried", "garbage_in_base64"
  std::string what;             ///< a sentence
  std::size_t header_line = 0;  ///< of the part's header section, from 1; 0: it is not of a header
  std::uint64_t offset = 0;     ///< octets from the begin of the input; of a header: where its section begins
  bool repairable = false;      ///< MessageRepairer mends it
};

/// Examines a message while it arrives: all its header sections, its structure, the encodings and charsets of
/// its bodies, its line ends. Keeps at most kFindings. Pure. Not thread-safe.
class Diagnosis : private ContentListener {
 public:
  static constexpr std::size_t kFindings = 10'000;
  Diagnosis() : reader_(*this) {}
  void feed(std::string_view octets);
  void finish();

  const std::vector<Finding>& findings() const { return findings_; }
  std::uint64_t more() const { return more_; }  ///< findings beyond kFindings
  /// After finish(): what MessageRepairer is to do.
  const MessageRepair& repair() const { return repair_; }

 private:
  void part_begins(const Part& part, const PartFacts& facts) override;
  void content(const Part& part, std::string_view octets) override;
  void part_ends(const Part& part, const PartResult& result) override;
  void problem(const StructureProblem& problem) override;
  void examine_header_of(const Part& part);
  void examine_transfer(const Part& part, const TransferNotes& notes);
  void examine_text(const Part& part);
  void examine_lines();
  void add(Finding finding);

  std::vector<Finding> findings_;
  std::uint64_t more_ = 0;
  MessageRepair repair_;
  LineScan lines_;
  std::optional<BodyTextDecoder> text_;
  std::string decoded_;
  bool text_part_ = false;
  ContentReader reader_;
};

}  // namespace hikyaku::mime
