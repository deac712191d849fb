#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "table/table.h"

namespace hikyaku::table {

/// What a table holds at one moment. Immutable, thread-safe.
class Contents {
 public:
  Contents() = default;
  Contents(const Contents&) = delete;
  Contents& operator=(const Contents&) = delete;
  virtual ~Contents() = default;
  virtual Answer find(std::string_view key) const = 0;
  virtual Table::Kind kind() const = 0;
  /// See Table::answers_every_key().
  virtual bool answers_every_key() const { return false; }
  virtual void visit(const std::function<void(const Row&)>& row) const = 0;
};

/// Collects what is remarked while the file `file` is read: the first 100 of each level, and how many more
/// there were.
class Remarks {
 public:
  explicit Remarks(std::uint32_t file) : file_(file) {}
  /// `column` from 1, 0 for none; `source` is the line, kept up to 200 octets.
  void add(Diagnostic::Level level, unsigned line, std::size_t column, std::string text,
           std::string_view source);
  /// Everything collected; ends with one remark on those that were left out.
  std::vector<Diagnostic> take();
  std::uint32_t file() const { return file_; }

 private:
  std::uint32_t file_;
  std::vector<Diagnostic> all_;
  unsigned counts_[3] = {};
};

/// A table read from text. Lines that can't be used are left out with a Diagnostic of Level::error, as
/// Postfix leaves them out with a warning.
struct Loaded {
  std::shared_ptr<const Contents> contents;  ///< never null
  std::vector<Diagnostic> diagnostics;
};

/// A table with fixed contents, for those that have no file.
class FixedTable final : public Table {
 public:
  FixedTable(std::string name, std::shared_ptr<const Contents> contents)
      : name_(std::move(name)), contents_(std::move(contents)) {}
  Answer find(std::string_view key) const override { return contents_->find(key); }
  Kind kind() const override { return contents_->kind(); }
  bool answers_every_key() const override { return contents_->answers_every_key(); }
  const std::string& name() const override { return name_; }
  void visit(const std::function<void(const Row&)>& row) const override { contents_->visit(row); }

 private:
  std::string name_;
  std::shared_ptr<const Contents> contents_;
};

}  // namespace hikyaku::table
