#include "table/maps.h"

#include "base/escape.h"

namespace hikyaku::table {

Result<Maps> Maps::open(const std::vector<Element>& elements, Opener& opener, Substitution substitution) {
  std::vector<std::shared_ptr<const Table>> tables;
  tables.reserve(elements.size());
  for (const Element& element : elements) {
    auto table = substitution == Substitution::allowed
                     ? opener.open(element.text, element.origin)
                     : opener.open_without_substitution(element.text, element.origin);
    if (!table) return std::unexpected(table.error());
    tables.push_back(std::move(*table));
  }
  return Maps(std::move(tables));
}

Answer Maps::find(std::string_view key, KeyTrail* trail, KeyPart part) const {
  if (key.empty()) return std::optional<Found>{};
  bool told = false;
  for (const auto& table : tables_) {
    if (part == KeyPart::partial && table->kind() != Table::Kind::fixed) continue;
    if (trail != nullptr && !told) trail->add(key);
    told = true;
    auto answer = table->find(key);
    if (!answer) {
      return fail(answer.error().fault,
                  "looking up " + escaped(key, 200) + " in " + table->name() + ": " + answer.error().text);
    }
    if (!*answer) continue;
    if ((*answer)->value.empty()) {
      return fail(Fault::permanent,
                  table->name() + " answers " + escaped(key, 200) +
                      " with the empty text; a key that is not to be found must not be in the table");
    }
    return answer;
  }
  return std::optional<Found>{};
}

}  // namespace hikyaku::table
