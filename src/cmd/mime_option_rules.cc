#include "cmd/mime_option_rules.h"

#include <initializer_list>
#include <string>

#include "cmd/command_line.h"

namespace hikyaku::cmd {
namespace {

using Options = std::initializer_list<const char*>;

/// The first of them that was given.
std::optional<std::string> given(const CommandLine& command, Options options) {
  for (const auto* option : options)
    if (command.given(option)) return option;
  return std::nullopt;
}

/// The first of `options` that was given beside `mode`, where that was given.
std::optional<Error> beside(const CommandLine& command, const std::string& mode, Options options) {
  if (!command.given(mode)) return std::nullopt;
  const auto unfit = given(command, options);
  if (!unfit) return std::nullopt;
  return Error{Fault::malformed, *unfit + " has no meaning beside " + mode};
}

/// The first of `options` that was given without any of `modes`.
std::optional<Error> without(const CommandLine& command, Options modes, Options options) {
  if (given(command, modes)) return std::nullopt;
  const auto unfit = given(command, options);
  if (!unfit) return std::nullopt;
  std::string all;
  for (const auto* mode : modes) all += (all.empty() ? "" : " or ") + std::string(mode);
  return Error{Fault::malformed, *unfit + " goes with " + all};
}

}  // namespace

std::optional<Error> unfit_decode_option(const CommandLine& command) {
  if (auto unfit =
          beside(command, "--header", {"--body", "--encoding", "--part", "--binary", "--raw", "--charset"}))
    return unfit;
  for (const auto* body : {"--body", "--encoding"})
    if (auto unfit = beside(command, body, {"--part", "--binary"})) return unfit;
  if (auto unfit = beside(command, "--raw", {"--charset"})) return unfit;
  return without(command, {"--body", "--encoding"}, {"--charset"});
}

std::optional<Error> unfit_encode_option(const CommandLine& command) {
  if (auto unfit = beside(command, "--header", {"--encoding", "--binary"})) return unfit;
  return without(command, {"--header"}, {"--word"});
}

std::optional<Error> unfit_extract_option(const CommandLine& command) {
  return beside(command, "--part", {"--folder", "--all", "--json", "--largest", "--most"});
}

std::optional<Error> unfit_attach_option(const CommandLine& command) {
  if (auto unfit = beside(command, "--new", {"--message"})) return unfit;
  return without(command, {"--new"}, {"--from", "--to", "--subject", "--text"});
}

}  // namespace hikyaku::cmd
