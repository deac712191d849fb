#include "table/memory_tables.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/escape.h"
#include "table/contents.h"
#include "table/fixed_contents.h"
#include "table/fold.h"
#include "table/logical_lines.h"
#include "table/spec.h"

namespace hikyaku::table {
namespace {

std::unexpected<Error> bad(std::string_view spec, const std::string& why) {
  return fail(Fault::malformed, escaped(spec, 200) + ": " + why);
}

class StaticTable final : public Table {
 public:
  StaticTable(std::string name, std::string value, Origin where)
      : name_(std::move(name)), value_(std::move(value)), where_(where) {}
  Answer find(std::string_view) const override { return std::optional<Found>{Found{value_, where_}}; }
  Kind kind() const override { return Kind::fixed; }
  bool answers_every_key() const override { return true; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_, value_;
  Origin where_;
};

class FailTable final : public Table {
 public:
  FailTable(std::string name, std::string why) : name_(std::move(name)), why_(std::move(why)) {}
  Answer find(std::string_view) const override { return fail(Fault::temporary, why_); }
  Kind kind() const override { return Kind::pattern; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_, why_;
};

class RandomTable final : public Table {
 public:
  RandomTable(std::string name, std::vector<std::string> values, Origin where, Random& random)
      : name_(std::move(name)), values_(std::move(values)), where_(where), random_(random) {}
  Answer find(std::string_view) const override {
    std::array<unsigned char, 8> octets;
    random_.fill(octets);
    std::uint64_t number;
    std::memcpy(&number, octets.data(), octets.size());
    return std::optional<Found>{Found{values_[number % values_.size()], where_}};
  }
  Kind kind() const override { return Kind::pattern; }
  bool answers_every_key() const override { return true; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_;
  std::vector<std::string> values_;
  Origin where_;
  Random& random_;
};

using Parts = std::vector<std::shared_ptr<const Table>>;

/// What unionmap: and pipemap: have in common: the first part decides whether partial keys are looked up.
class CompositeTable : public Table {
 public:
  CompositeTable(std::string name, Parts parts) : name_(std::move(name)), parts_(std::move(parts)) {}
  Kind kind() const override { return parts_.front()->kind(); }
  bool asks_others() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->asks_others(); });
  }
  const std::string& name() const override { return name_; }

 protected:
  const Parts& parts() const { return parts_; }

 private:
  std::string name_;
  Parts parts_;
};

class UnionTable final : public CompositeTable {
 public:
  using CompositeTable::CompositeTable;
  Answer find(std::string_view key) const override {
    std::optional<Found> all;
    for (const auto& part : parts()) {
      auto answer = part->find(key);
      if (!answer) return answer;
      if (!*answer) continue;
      if (!all || all->value.empty()) {
        all = std::move(*answer);
      } else {
        all->value += ',';
        all->value += (*answer)->value;
      }
    }
    if (all && all->value.empty()) all.reset();
    return all;
  }
};

class PipeTable final : public CompositeTable {
 public:
  using CompositeTable::CompositeTable;
  Answer find(std::string_view key) const override {
    std::optional<Found> last;
    for (const auto& part : parts()) {
      auto answer = part->find(last ? std::string_view(last->value) : key);
      if (!answer || !*answer) return answer;
      last = std::move(*answer);
    }
    return last;
  }
};

Result<Parts> open_parts(std::string_view spec, std::string_view name, Origin where, Opener& opener,
                         bool substitution_allowed) {
  const auto body = braced(name);
  if (!body)
    return bad(spec, "write " + std::string(spec.substr(0, spec.find(':'))) + ":{type:name, type:name}");
  Parts parts;
  for (const auto part : split_list(*body)) {
    auto table =
        substitution_allowed ? opener.open(part, where) : opener.open_without_substitution(part, where);
    if (!table) return std::unexpected(table.error());
    parts.push_back(std::move(*table));
  }
  if (parts.empty()) return bad(spec, "there is no table within the braces");
  return parts;
}

}  // namespace

TableResult make_inline(std::string_view spec, std::string_view name, Origin where) {
  const auto body = braced(name);
  if (!body) return bad(spec, "write inline:{key=value, {key = value with spaces}}");
  // FixedContents keeps the first of equal keys, Postfix the last one here: so they go in backwards.
  const auto pairs = split_list(*body);
  auto contents = std::make_shared<FixedContents>(where.file);
  for (auto pair = pairs.rbegin(); pair != pairs.rend(); ++pair) {
    const auto read = parse_name_value(*pair);
    if (!read) return bad(spec, read.error().text);
    if (contents->add(read->name, read->value, where.line) == FixedContents::Added::not_utf8 ||
        !is_utf8(read->value)) {
      return bad(spec, "the text is not in UTF-8");
    }
  }
  if (contents->size() == 0) return bad(spec, "there is no key=value within the braces");
  return std::make_shared<FixedTable>(std::string(spec), std::move(contents));
}

TableResult make_static(std::string_view spec, std::string_view name, Origin where) {
  std::string_view value = name;
  if (name.starts_with('{')) {
    const auto body = braced(name);
    if (!body) return bad(spec, "no '}' ends, or text follows the '}' of, the value");
    value = trim(*body);
  }
  return std::make_shared<StaticTable>(std::string(spec), std::string(value), where);
}

TableResult make_fail(std::string_view spec, std::string_view name) {
  return std::make_shared<FailTable>(std::string(spec), "the table fail:" + escaped(name) + " always fails");
}

std::shared_ptr<const Table> unavailable_table(std::string_view spec, std::string why) {
  return std::make_shared<FailTable>(std::string(spec), std::move(why));
}

TableResult make_random(std::string_view spec, std::string_view name, Origin where, Random& random) {
  const auto body = braced(name);
  if (!body) return bad(spec, "write randmap:{value, value}");
  std::vector<std::string> values;
  for (const auto value : split_list(*body)) values.emplace_back(value);
  if (values.empty()) return bad(spec, "there is no value within the braces");
  return std::make_shared<RandomTable>(std::string(spec), std::move(values), where, random);
}

TableResult make_union(std::string_view spec, std::string_view name, Origin where, Opener& parts,
                       bool substitution_allowed) {
  auto opened = open_parts(spec, name, where, parts, substitution_allowed);
  if (!opened) return std::unexpected(opened.error());
  return std::make_shared<UnionTable>(std::string(spec), std::move(*opened));
}

TableResult make_pipe(std::string_view spec, std::string_view name, Origin where, Opener& parts,
                      bool substitution_allowed) {
  auto opened = open_parts(spec, name, where, parts, substitution_allowed);
  if (!opened) return std::unexpected(opened.error());
  return std::make_shared<PipeTable>(std::string(spec), std::move(*opened));
}

}  // namespace hikyaku::table
