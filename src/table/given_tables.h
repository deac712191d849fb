#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "table/cidr_contents.h"
#include "table/contents.h"
#include "table/fixed_contents.h"
#include "table/logical_lines.h"
#include "table/memory_tables.h"
#include "table/pattern_contents.h"
#include "table/spec.h"

namespace hikyaku::table {

/// Tables over texts that are handed in: an Opener for tests. "hash:/canonical" reads the text given for
/// "/canonical" as file number 7.
class GivenTables final : public Opener {
 public:
  static constexpr std::uint32_t kFile = 7;

  void give(const std::string& path, std::string text) { texts_[path] = std::move(text); }
  std::vector<Diagnostic> diagnostics;

  Result<std::shared_ptr<const Table>> open(std::string_view spec, Origin where) override {
    return open(spec, where, Substitution::allowed);
  }
  Result<std::shared_ptr<const Table>> open_without_substitution(std::string_view spec,
                                                                 Origin where) override {
    return open(spec, where, Substitution::refused);
  }
  Result<std::vector<Element>> list(std::string_view path, Origin) override {
    const auto text = texts_.find(std::string(path));
    if (text == texts_.end()) return fail(Fault::not_found, "no file " + std::string(path));
    std::vector<Element> elements;
    LogicalLines lines(text->second);
    LogicalLines::Line line;
    while (lines.next(line)) {
      for (const auto part : split_list(line.text))
        elements.push_back({std::string(part), Origin{kFile, line.number}});
    }
    return elements;
  }

 private:
  Result<std::shared_ptr<const Table>> open(std::string_view spec, Origin where, Substitution substitution) {
    const auto parts = parse_spec(spec);
    if (!parts) return std::unexpected(parts.error());
    const auto [type, name] = *parts;
    const bool allowed = substitution == Substitution::allowed;
    if (type == "inline") return make_inline(spec, name, where);
    if (type == "static") return make_static(spec, name, where);
    if (type == "fail") return make_fail(spec, name);
    if (type == "unionmap") return make_union(spec, name, where, *this, allowed);
    if (type == "pipemap") return make_pipe(spec, name, where, *this, allowed);
    if (type == "proxy") return open(name, where, substitution);
    const auto text = texts_.find(std::string(name));
    if (text == texts_.end()) {
      // As the real one: what only a default names need not exist.
      if (where.built_in())
        return std::make_shared<FixedTable>(std::string(spec), load_fixed({}, kFile).contents);
      return fail(Fault::not_found, "no table " + std::string(spec));
    }
    Loaded loaded = type == "regexp" ? load_regexp(text->second, kFile, substitution)
                    : type == "pcre" ? load_pcre(text->second, kFile, substitution)
                    : type == "cidr" ? load_cidr(text->second, kFile)
                                     : load_fixed(text->second, kFile);
    diagnostics.insert(diagnostics.end(), loaded.diagnostics.begin(), loaded.diagnostics.end());
    return std::make_shared<FixedTable>(std::string(spec), std::move(loaded.contents));
  }

  std::map<std::string, std::string> texts_;
};

}  // namespace hikyaku::table
