#include "probe/send_arguments.h"

#include <algorithm>

#include "base/escape.h"

namespace hikyaku::probe {

struct SendArguments::Named {
  const SendOption* option = nullptr;
  bool forget = false;
  std::string header;  ///< of --h-Subject: "Subject: "
};

namespace {

using Takes = SendOption::Takes;
constexpr std::size_t kLongestFile = 1U << 20;

std::unexpected<Error> refuse(std::string text) { return fail(Fault::malformed, std::move(text)); }

bool goes_by(const SendOption& option, std::string_view name) {
  for (auto names = option.names; !names.empty();) {
    const auto end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == name) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

const SendOption* exactly(std::string_view name) {
  const auto options = send_options();
  const auto found = std::ranges::find_if(options, [&](const auto& option) { return goes_by(option, name); });
  return found == options.end() ? nullptr : &*found;
}

/// The only option with a name that begins so; nullptr: none, or several.
const SendOption* by_beginning(std::string_view begin) {
  const SendOption* found = nullptr;
  for (const auto& option : send_options()) {
    const std::string names = ' ' + std::string(option.names);
    if (names.find(' ' + std::string(begin)) == std::string::npos) continue;
    if (found != nullptr) return nullptr;
    found = &option;
  }
  return found;
}

bool is_option(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

}  // namespace

Result<SendArguments::Named> SendArguments::find(std::string_view name) {
  Named named;
  if ((named.option = exactly(name)) != nullptr) return named;
  for (const std::string_view begin : {"header-", "h-"}) {
    if (!name.starts_with(begin) || name.size() == begin.size()) continue;
    named.option = exactly("header");
    named.header = name.substr(begin.size());
    if (named.header.ends_with(':')) named.header.pop_back();
    named.header += ": ";
    return named;
  }
  if (name.starts_with("no-")) {
    auto other = find(name.substr(3));
    if (other && !other->forget) {
      other->forget = true;
      return other;
    }
  }
  if (!name.empty() && (named.option = by_beginning(name)) != nullptr) return named;
  return refuse("there is no option --" + escaped(name));
}

Result<void> SendArguments::add(const Named& named, std::optional<std::string> value) {
  const auto& option = *named.option;
  if (named.forget) {
    std::erase_if(given_, [&](const Given& given) { return given.option == &option; });
    return {};
  }
  if (!option.refused.empty())
    return refuse("--" + std::string(option.name()) + " is not supported: " + std::string(option.refused));
  if (value && value->empty() && option.takes == Takes::value) value.reset();
  if (!value && option.takes == Takes::value && option.prompt.empty())
    return refuse("--" + std::string(option.name()) + " needs a value");
  if (!named.header.empty()) value = named.header + value.value_or("");
  given_.push_back({&option, std::move(value)});
  return {};
}

Result<void> SendArguments::add_words(std::span<const std::string> words, bool target) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!is_option(word)) {
      if (!target) return refuse("'" + escaped(word) + "' is no option, and no option takes it as its value");
      target = false;
      given_.push_back({exactly("server"), std::string(word)});
      continue;
    }
    auto name = word.substr(word.starts_with("--") ? 2 : 1);
    std::optional<std::string> value;
    if (const auto equals = name.find('='); equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    const auto named = find(name);
    if (!named) return std::unexpected(named.error());
    const bool takes = named->option->takes != Takes::nothing && !named->forget;
    if (value && !takes) return refuse("--" + escaped(name) + " takes no value");
    if (!value && takes && i + 1 < words.size() && !is_option(words[i + 1])) value = words[++i];
    if (auto added = add(*named, std::move(value)); !added) return added;
  }
  return {};
}

Result<void> SendArguments::add_variable(std::string_view name, std::string_view value) {
  std::string dashed(name);
  std::ranges::replace(dashed, '_', '-');
  const auto named = find(dashed);
  if (!named) return refuse("SWAKS_OPT_" + escaped(name) + ": " + named.error().text);
  auto added = add(*named, value.empty() ? std::nullopt : std::optional<std::string>(value));
  if (!added) return refuse("SWAKS_OPT_" + escaped(name) + ": " + added.error().text);
  return {};
}

Result<void> SendArguments::add_file(std::string_view text) {
  if (text.size() > kLongestFile) return refuse("a file of options has at most 1 MiB");
  for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    line.remove_prefix(std::min<std::size_t>(line.starts_with("--")  ? 2
                                             : line.starts_with('-') ? 1
                                                                     : 0,
                                             line.size()));
    const auto blank = line.find(' ');
    const auto where = "line " + std::to_string(number) + ": ";
    const auto named = find(line.substr(0, blank));
    if (!named) return refuse(where + named.error().text);
    std::optional<std::string> value;
    if (blank != std::string_view::npos) value = line.substr(blank + 1);
    if (value && named->option->takes == Takes::nothing)
      return refuse(where + "--" + std::string(named->option->name()) + " takes no value");
    if (auto added = add(*named, std::move(value)); !added) return refuse(where + added.error().text);
  }
  return {};
}

const SendArguments::Given* SendArguments::last(std::string_view name) const {
  for (auto i = given_.rbegin(); i != given_.rend(); ++i) {
    if (i->option->name() == name) return &*i;
  }
  return nullptr;
}

std::optional<std::string> SendArguments::value(std::string_view name) const {
  const auto* given = last(name);
  return given == nullptr ? std::nullopt : given->value;
}

void SendArguments::set(std::string_view name, std::string value) {
  for (auto i = given_.rbegin(); i != given_.rend(); ++i) {
    if (i->option->name() != name) continue;
    i->value = std::move(value);
    return;
  }
  given_.push_back({exactly(name), std::move(value)});
}

}  // namespace hikyaku::probe
