#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mime/parameter.h"
#include "mime/structure.h"
#include "mime/transfer_decoder.h"

namespace hikyaku::mime {

/// What the header section of a part says of its content, in words for people.
struct PartFacts {
  TransferEncoding encoding = TransferEncoding::seven_bit;
  std::string name;  ///< of the file, UTF-8: filename=, or name=; empty: none. Not safe as a file's name
  std::string disposition;  ///< "attachment", "inline"; empty: none given
  std::string charset;      ///< the label; empty: none given
  Repairs repairs;          ///< of the parameters
  bool text = false;        ///< text/*, not an attachment: it is meant to be read

  static PartFacts of(const Part& part);
};

struct PartResult {
  std::uint64_t encoded = 0;  ///< octets of its body as it stands
  std::uint64_t decoded = 0;  ///< octets of its content
  const TransferNotes& notes;
};

/// Who is told what the parts of a message hold.
class ContentListener {
 public:
  virtual ~ContentListener() = default;
  virtual void part_begins(const Part& part, const PartFacts& facts) = 0;
  /// Of a leaf: the content after its transfer encoding. The view lives during the call.
  virtual void content(const Part& part, std::string_view octets) = 0;
  /// A text that belongs to no part: preamble or epilogue.
  virtual void around(const Part&, std::string_view) {}
  virtual void part_ends(const Part& part, const PartResult& result) = 0;
  virtual void problem(const StructureProblem& problem) = 0;
};

/// Takes a message apart and decodes its leaves, while it arrives: pieces of any size, in steps of at most
/// kStep octets. Holds what StructureReader and one TransferDecoder hold. Pure. Not thread-safe.
class ContentReader : private StructureListener {
 public:
  static constexpr std::size_t kStep = 64 * 1024;

  /// `listener` outlives this.
  explicit ContentReader(ContentListener& listener, const StructureLimits& limits = {})
      : listener_(listener), reader_(*this, limits) {}
  void feed(std::string_view octets);
  void finish() { reader_.finish(); }

 private:
  void part_begins(const Part& part) override;
  void octets(const Part& part, Piece piece, std::string_view octets, std::uint64_t offset) override;
  void part_ends(const Part& part, const PartEnd& end) override;
  void problem(const StructureProblem& problem) override { listener_.problem(problem); }
  void hand_on(const Part& part);

  ContentListener& listener_;
  std::unique_ptr<TransferDecoder> decoder_;
  bool as_it_stands_ = false;  // 8bit and binary: nothing is decoded
  std::string decoded_;
  std::uint64_t decoded_size_ = 0;
  StructureReader reader_;
};

}  // namespace hikyaku::mime
