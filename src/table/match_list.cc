#include "table/match_list.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "base/escape.h"
#include "table/fold.h"
#include "table/spec.h"

namespace hikyaku::table {
namespace {

constexpr unsigned kDeepestFiles = 10;
constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

std::unexpected<Error> bad(const Element& element, const std::string& why) {
  return fail(Fault::malformed, "\"" + escaped(element.text, 200) + "\": " + why);
}

struct Literals {
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  /// Folded text -> the first place in the list that has it.
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> places;

  std::size_t place_of(std::string_view folded) const {
    const auto found = places.find(folded);
    return found == places.end() ? kNowhere : found->second;
  }
};

}  // namespace

/// A list compiled so that a literal element costs one hash probe however long the list is. Order counts all
/// the same: of what matches, the element that stands first decides, and tables that stand before it are
/// asked.
class Patterns {
 public:
  struct Pattern {
    Element element;
    bool wanted = true;
  };
  struct TableAt {
    std::size_t place;
    std::shared_ptr<const Table> table;
  };
  struct NetworkAt {
    std::size_t place;
    Network network;
  };

  enum class Subject : unsigned char { text, domain, client };

  Subject subject = Subject::text;
  Subdomains subdomains = Subdomains::exact;
  std::vector<Pattern> all;
  Literals literals;
  std::vector<TableAt> tables;      // in order of their places
  std::vector<NetworkAt> networks;  // in order of their places

  std::size_t literal_place(std::string_view folded) const;
  Result<bool> in_table(const Table& table, std::string_view folded_name, KeyTrail* trail) const;
  MatchAnswer match(std::string_view name, const Ip* ip, KeyTrail* trail) const;

 private:
  static Result<bool> has_key(const Table& table, std::string_view key);
  /// The next key for a name's parents; empty at the end.
  std::string_view parent(std::string_view name) const;
  std::size_t network_place(const Ip& ip) const;
};

namespace {

class Compiler {
 public:
  Compiler(Patterns& patterns, Opener& opener) : patterns_(patterns), opener_(opener) {}

  Result<void> add_all(const std::vector<Element>& elements, bool wanted, unsigned depth) {
    for (const Element& element : elements) {
      if (auto added = add(element, wanted, depth); !added) return added;
    }
    return {};
  }

 private:
  Result<void> add(const Element& element, bool wanted, unsigned depth) {
    std::string_view item = element.text;
    for (; item.starts_with('!'); item.remove_prefix(1)) wanted = !wanted;
    if (item.empty()) return bad(element, "there is nothing after the '!'");
    if (item.starts_with('/')) return add_file(item, element, wanted, depth);
    const std::size_t place = patterns_.all.size();
    patterns_.all.push_back({element, wanted});
    const bool client = patterns_.subject == Patterns::Subject::client;
    if (is_table_spec(item)) {
      if (client && Network::parse(item)) {
        return bad(
            element,
            "an IPv6 address must stand in brackets here: write [" +
                std::string(item.substr(0, item.find('/'))) + "]" +
                (item.find('/') == std::string_view::npos ? "" : std::string(item.substr(item.find('/')))));
      }
      auto table = opener_.open(item, element.origin);
      if (!table) return std::unexpected(table.error());
      patterns_.tables.push_back({place, std::move(*table)});
      return {};
    }
    if (client && looks_like_network(item)) {
      const auto network = Network::parse(item);
      if (!network) return bad(element, network.error().text);
      patterns_.networks.push_back({place, *network});
      return {};
    }
    std::string folded;
    if (!append_folded(item, folded)) return bad(element, "the text is not in UTF-8");
    patterns_.literals.places.try_emplace(std::move(folded), place);
    return {};
  }

  Result<void> add_file(std::string_view path, const Element& element, bool wanted, unsigned depth) {
    if (depth == kDeepestFiles) return bad(element, "files name files more than 10 deep");
    const auto elements = opener_.list(path, element.origin);
    if (!elements) return std::unexpected(elements.error());
    return add_all(*elements, wanted, depth + 1);
  }

  /// Host names have neither; whatever else has them is meant as a network, and is refused when it is none.
  static bool looks_like_network(std::string_view item) {
    return item.starts_with('[') || item.find('/') != std::string_view::npos || Ip::parse_unmapped(item);
  }

  Patterns& patterns_;
  Opener& opener_;
};

Result<std::shared_ptr<const Patterns>> compile(const std::vector<Element>& elements, Opener& opener,
                                                Patterns::Subject subject, Subdomains subdomains) {
  if (elements.empty()) return std::shared_ptr<const Patterns>();
  auto patterns = std::make_shared<Patterns>();
  patterns->subject = subject;
  patterns->subdomains = subdomains;
  if (auto added = Compiler(*patterns, opener).add_all(elements, true, 0); !added) {
    return std::unexpected(added.error());
  }
  return std::shared_ptr<const Patterns>(std::move(patterns));
}

}  // namespace

std::string_view Patterns::parent(std::string_view name) const {
  const auto dot =
      subdomains == Subdomains::exact || name.empty() ? std::string_view::npos : name.find('.', 1);
  if (dot == std::string_view::npos) return {};
  return name.substr(subdomains == Subdomains::by_dot ? dot : dot + 1);
}

std::size_t Patterns::literal_place(std::string_view folded) const {
  if (literals.places.empty() || folded.empty()) return kNowhere;
  std::size_t first = literals.place_of(folded);
  for (auto up = parent(folded); !up.empty(); up = parent(up)) first = std::min(first, literals.place_of(up));
  return first;
}

std::size_t Patterns::network_place(const Ip& ip) const {
  for (const NetworkAt& at : networks) {
    if (at.network.contains(ip)) return at.place;
  }
  return kNowhere;
}

Result<bool> Patterns::has_key(const Table& table, std::string_view key) {
  const auto answer = table.find(key);
  if (!answer) {
    return fail(answer.error().fault,
                "looking up " + escaped(key, 200) + " in " + table.name() + ": " + answer.error().text);
  }
  return answer->has_value();
}

Result<bool> Patterns::in_table(const Table& table, std::string_view folded_name, KeyTrail* trail) const {
  bool whole = true;
  for (auto key = folded_name; !key.empty(); key = parent(key), whole = false) {
    if (!whole && table.kind() != Table::Kind::fixed) break;
    if (trail != nullptr && !whole) trail->add(key);
    auto found = has_key(table, key);
    if (!found || *found) return found;
  }
  return false;
}

MatchAnswer Patterns::match(std::string_view name, const Ip* ip, KeyTrail* trail) const {
  const FoldedKey folded(name);
  const std::string_view key = folded.valid() ? folded.view() : std::string_view();
  std::size_t first = literal_place(key);
  if (ip != nullptr) first = std::min(first, network_place(*ip));

  std::string address;
  if (ip != nullptr && (trail != nullptr || !tables.empty())) address = ip->text();
  if (trail != nullptr) {
    if (!key.empty()) trail->add(key);
    if (ip != nullptr) trail->add(address);
  }
  for (const TableAt& at : tables) {
    if (at.place > first) break;
    auto found = in_table(*at.table, key, trail);
    if (found && !*found && ip != nullptr) found = has_key(*at.table, address);
    if (!found) return std::unexpected(found.error());
    if (*found) {
      first = at.place;
      break;
    }
  }
  if (first == kNowhere || !all[first].wanted) return std::optional<Match>{};
  return std::optional<Match>{Match{all[first].element.text, all[first].element.origin}};
}

Result<StringMatchList> StringMatchList::compile(const std::vector<Element>& elements, Opener& opener) {
  auto patterns = table::compile(elements, opener, Patterns::Subject::text, Subdomains::exact);
  if (!patterns) return std::unexpected(patterns.error());
  StringMatchList list;
  list.patterns_ = std::move(*patterns);
  return list;
}

MatchAnswer StringMatchList::match(std::string_view text, KeyTrail* trail) const {
  return patterns_ ? patterns_->match(text, nullptr, trail) : MatchAnswer(std::optional<Match>{});
}

Result<DomainList> DomainList::compile(const std::vector<Element>& elements, Opener& opener,
                                       Subdomains subdomains) {
  auto patterns = table::compile(elements, opener, Patterns::Subject::domain, subdomains);
  if (!patterns) return std::unexpected(patterns.error());
  DomainList list;
  list.patterns_ = std::move(*patterns);
  return list;
}

MatchAnswer DomainList::match(std::string_view domain, KeyTrail* trail) const {
  return patterns_ ? patterns_->match(domain, nullptr, trail) : MatchAnswer(std::optional<Match>{});
}

Result<NetworkList> NetworkList::compile(const std::vector<Element>& elements, Opener& opener,
                                         Subdomains subdomains) {
  auto patterns = table::compile(elements, opener, Patterns::Subject::client, subdomains);
  if (!patterns) return std::unexpected(patterns.error());
  NetworkList list;
  list.patterns_ = std::move(*patterns);
  return list;
}

MatchAnswer NetworkList::match(std::string_view name, const Ip& address, KeyTrail* trail) const {
  return patterns_ ? patterns_->match(name, &address, trail) : MatchAnswer(std::optional<Match>{});
}

}  // namespace hikyaku::table
