#include "greylist/pattern.h"

#include <utility>

namespace hikyaku::greylist {

Result<Pattern> Pattern::regex(std::string_view source, Syntax syntax) {
  std::string expression;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\\' && i + 1 < source.size() && source[i + 1] == '/') ++i;
    expression += source[i];
  }
  table::PosixEngine::Flags flags;
  flags.options = REG_ICASE | REG_NEWLINE | (syntax == Syntax::extended ? REG_EXTENDED : 0);
  // How many groups there are is known only then; none are asked for here, and all of them at each match.
  auto compiled = table::PosixEngine::compile(expression, flags, 1);
  if (!compiled) return std::unexpected(compiled.error());
  Pattern pattern{std::string(source)};
  pattern.engine_ = std::move(*compiled);
  return pattern;
}

Result<std::optional<Pattern::Groups>> Pattern::match(std::string_view subject) const {
  const auto groups = engine_->groups();
  table::PosixEngine::Scratch scratch(subject, groups);
  switch (engine_->match(groups, scratch)) {
    case table::PosixEngine::Outcome::no_match:
      return std::optional<Groups>();
    case table::PosixEngine::Outcome::failed:
      return fail(Fault::temporary, "matching /" + text_ + "/: " + scratch.why());
    case table::PosixEngine::Outcome::match:
      break;
  }
  Groups found;
  for (unsigned i = 1; i <= groups; ++i) found.emplace_back(scratch.group(i));
  return std::optional<Groups>(std::move(found));
}

}  // namespace hikyaku::greylist
