#include "rewrite/local_aliases.h"

#include <utility>

#include "mail/address_list.h"
#include "rewrite/address_mapping.h"

namespace hikyaku::rewrite {
namespace {

constexpr std::string_view kStep = "rewrite.local_alias";
constexpr std::string_view kInclude = ":include:";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// A name's alias: its right-hand side, and the extension that no key had.
struct Alias {
  table::Found found;
  std::string key;
  std::string unmatched;
};

}  // namespace

class LocalAliases::Expansion {
 public:
  Expansion(const LocalAliases& aliases, Explanation& why)
      : aliases_(aliases), settings_(aliases.settings_), why_(why) {}

  Result<AliasResult> run(const mail::Address& recipient) {
    auto alias = look_up(recipient.local());
    if (!alias) return std::unexpected(std::move(alias.error()));
    if (!*alias) return AliasResult{};
    result_.found = true;
    if (auto owner = find_owner((*alias)->key); !owner) return std::unexpected(std::move(owner.error()));
    if (auto done = follow(**alias, 0); !done) return std::unexpected(std::move(done.error()));
    return std::move(result_);
  }

 private:
  Result<std::optional<Alias>> look_up(std::string_view local) {
    const auto name = lower(local);
    if (name.starts_with('\\')) return std::optional<Alias>{};
    const auto split = table::split_extension(name, settings_.lookup.delimiters);
    KeyTrail trail;
    for (const bool whole : {true, false}) {
      if (!whole && split.extension.empty()) break;
      const auto key = whole ? std::string_view(name) : split.user;
      auto found = find(key, &trail);
      if (!found) {
        why_.add({kStep, "alias_maps", settings_.origin, trail.joined(), "the table answers",
                  found.error().text, "delivery deferred"});
        return std::unexpected(std::move(found.error()));
      }
      if (!*found) continue;
      why_.add({kStep,
                std::string(key) + ": " + (*found)->value,
                (*found)->origin,
                trail.joined(),
                {},
                {},
                name + " is an alias"});
      return std::optional(
          Alias{std::move(**found), std::string(key), whole ? "" : std::string(split.extension)});
    }
    why_.add({kStep, "alias_maps", settings_.origin, trail.joined(), "one of the keys is in the table", name,
              name + " is no alias"});
    return std::optional<Alias>{};
  }

  /// A text in the form of aliases(5), "name: value", read as a table of keys and values has the colon in its
  /// key.
  table::Answer find(std::string_view name, KeyTrail* trail) const {
    auto found = settings_.maps.find(name, trail);
    if (!found || *found) return found;
    return settings_.maps.find(std::string(name) + ":", nullptr);
  }

  Result<void> find_owner(const std::string& name) {
    const std::string owner = "owner-" + name;
    auto found = find(owner, nullptr);
    if (!found) return std::unexpected(std::move(found.error()));
    if (!*found) return {};
    auto address = mail::Address::from_internal(owner);  // of $myorigin, whichever of our domains it came to
    if (settings_.expand_owner) {
      const auto list = mail::AddressList::parse((*found)->value);
      if (list.size() == 1) address = mail::Address::from_internal(list.internal(0));
    }
    if (!address) return {};
    result_.owner = aliases_.completion_.address(*address, Completion::Context::local);
    why_.add({kStep,
              owner + ": " + (*found)->value,
              (*found)->origin,
              {},
              {},
              {},
              "envelope sender becomes " + shown(*result_.owner)});
    return {};
  }

  Result<void> follow(const Alias& alias, std::size_t depth) {
    if (depth > kDepthLimit)
      return limit("aliases nested deeper than " + std::to_string(kDepthLimit), alias.key);
    open_.insert(alias.key);
    const auto list = mail::AddressList::parse(alias.found.value, 0);
    for (std::size_t i = 0; i < list.size(); ++i) {
      auto done = one(list.internal(i), alias, depth);
      if (!done) return done;
    }
    open_.erase(alias.key);
    return {};
  }

  Result<void> one(const std::string& target, const Alias& alias, std::size_t depth) {
    if (result_.addresses.size() + result_.commands.size() + result_.files.size() >= kResultLimit) {
      return limit("more than " + std::to_string(kResultLimit) + " results", alias.key);
    }
    if (target.starts_with(kInclude)) return include(target.substr(kInclude.size()), alias, depth);
    if (target.starts_with('|'))
      return program_or_file(target, target.substr(1), settings_.commands, result_.commands, "command");
    if (target.starts_with('/') && target.find('@') == std::string::npos) {
      return program_or_file(target, target, settings_.files, result_.files, "file");
    }
    return address(target, alias, depth);
  }

  Result<void> program_or_file(const std::string& target, std::string what, bool allowed,
                               std::vector<std::string>& to, std::string_view kind) {
    if (allowed) {
      to.push_back(std::move(what));
      return {};
    }
    result_.refused.push_back(target + ": mail to " + std::string(kind) + " is restricted");
    why_.add(
        {kStep, target, {}, {}, "mail to a " + std::string(kind) + " is switched on", target, "refused"});
    return {};
  }

  Result<void> include(const std::string& path, const Alias& alias, std::size_t depth) {
    if (depth > kDepthLimit)
      return limit("include files nested deeper than " + std::to_string(kDepthLimit), alias.key);
    if (!path.starts_with('/')) {
      result_.refused.push_back(":include:" + path + ": the path of an include file begins with /");
      return {};
    }
    auto text = aliases_.files_.read(path, kIncludeOctets);
    why_.add({kStep,
              ":include:" + path,
              alias.found.origin,
              {},
              text ? "" : "the file can be read",
              text ? "" : text.error().text,
              text ? "read" : "delivery deferred"});
    if (!text) return std::unexpected(std::move(text.error()));
    for (std::string_view rest = *text; !rest.empty();) {
      const auto end = rest.find('\n');
      auto line = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      const auto first = line.find_first_not_of(" \t\r");
      if (first == std::string_view::npos || line[first] == '#') continue;
      const auto list = mail::AddressList::parse(line, 0);
      for (std::size_t i = 0; i < list.size(); ++i) {
        auto done = one(list.internal(i), alias, depth + 1);
        if (!done) return done;
      }
    }
    return {};
  }

  Result<void> address(const std::string& target, const Alias& alias, std::size_t depth) {
    const bool literal = target.starts_with('\\');
    auto given =
        mail::Address::from_internal(literal ? std::string_view(target).substr(1) : std::string_view(target));
    if (!given) return {};
    auto full = aliases_.completion_.address(*given, Completion::Context::local);
    if (settings_.propagate && !alias.unmatched.empty()) {
      auto longer = mail::Address::from_internal(full.local() + alias.unmatched + "@" + full.domain());
      if (longer) full = std::move(*longer);
    }
    const auto local = settings_.lookup.local_domains->is_local(full.domain());
    if (!local) return std::unexpected(local.error());
    if (*local && !literal) {
      auto more = look_up(full.local());
      if (!more) return std::unexpected(std::move(more.error()));
      // A name within its own alias is the mailbox of that name; further up it is a mistake (local(8)).
      if (*more && (*more)->key != alias.key) {
        if (open_.contains((*more)->key)) return limit("alias database loop", alias.key);
        return follow(**more, depth + 1);
      }
    }
    if (seen_.insert(lower(full.internal())).second) result_.addresses.push_back(std::move(full));
    return {};
  }

  Result<void> limit(const std::string& what, const std::string& name) {
    why_.add(
        {kStep, "alias_maps", settings_.origin, {}, "the expansion stays within its limits", name, what});
    return fail(Fault::permanent, "alias " + name + ": " + what);
  }

  const LocalAliases& aliases_;
  const AliasSettings& settings_;
  Explanation& why_;
  AliasResult result_;
  std::set<std::string> open_;  // aliases that are being expanded
  std::set<std::string> seen_;
};

LocalAliases::LocalAliases(AliasSettings settings, const IncludeFiles& files)
    : settings_(std::move(settings)), completion_(settings_.completion), files_(files) {}

Result<AliasResult> LocalAliases::expand(const mail::Address& recipient, Explanation& why) const {
  if (settings_.maps.empty()) return AliasResult{};
  return Expansion(*this, why).run(recipient);
}

}  // namespace hikyaku::rewrite
