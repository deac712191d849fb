#pragma once
#include <string>

#include "base/escape.h"
#include "mime/structure.h"

namespace hikyaku::mime {

/// Writes down what a reader tells, one event a line; pieces of one kind that follow each other are joined.
class StructureTrace : public StructureListener {
 public:
  std::string trace;
  std::string all;  ///< every octet that was told
  std::vector<StructureProblem> problems;

  void part_begins(const Part& part) override {
    flush();
    all += part.header + part.separator;
    static constexpr std::string_view kKinds[] = {"leaf", "multipart", "message"};
    line("begin " + part.number + " " + part.type + " " + std::string(kKinds[static_cast<int>(part.kind)]) +
         " @" + std::to_string(part.header_offset) + "," + std::to_string(part.body_offset));
  }
  void octets(const Part& part, Piece piece, std::string_view octets, std::uint64_t offset) override {
    in_order_ = in_order_ && offset == all.size();
    all += octets;
    static constexpr std::string_view kPieces[] = {"body", "preamble", "boundary", "epilogue"};
    const auto what = std::string(kPieces[static_cast<int>(piece)]) + " " + part.number;
    if (what != what_ || piece == Piece::boundary) flush();
    what_ = what;
    text_ += octets;
  }
  void part_ends(const Part& part, const PartEnd& end) override {
    flush();
    line("end " + part.number + " " + std::to_string(end.body_size));
  }
  void problem(const StructureProblem& problem) override {
    flush();
    problems.push_back(problem);
    line("! " + std::string(word(problem.kind)) + " " + problem.part + " @" + std::to_string(problem.offset));
  }
  bool in_order() const { return in_order_; }

 private:
  void line(const std::string& text) { trace += text + "\n"; }
  void flush() {
    if (!what_.empty()) line(what_ + " " + escaped(text_));
    what_.clear();
    text_.clear();
  }
  std::string what_, text_;
  bool in_order_ = true;
};

}  // namespace hikyaku::mime
