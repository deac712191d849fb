#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "probe/send_settings.h"

namespace hikyaku::probe {
namespace {

using Given = SendArguments::Given;

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<void> read_file(Given& given, const std::string& path, SendSources& sources) {
  auto content = sources.file(path);
  if (!content) return std::unexpected(content.error());
  given.value = *std::move(content);
  given.file = base_name(path);
  return {};
}

bool has_line_end(const std::string& text) {
  return text.find('\n') != std::string::npos || text.find("\\n") != std::string::npos ||
         text.find("%NEWLINE%") != std::string::npos;
}

/// What swaks 20201014 still takes for the name of a file, though no '@' stands before it.
Result<void> guess_file(Given& given, SendSources& sources, std::vector<std::string>& warnings) {
  const auto name = given.option->name();
  const bool data = name == "data";
  const auto path = *given.value;
  if (has_line_end(path)) return {};
  if (auto read = read_file(given, path, sources); !read) {
    if (!data) return {};
    return fail(Fault::malformed, "--data: a message has a line end; without one it is the name of a file: " +
                                      read.error().text);
  }
  warnings.push_back("--" + std::string(name) + ": '" + escaped(path) +
                     "' was taken for a file; newer versions of swaks want '@' before its name");
  return {};
}

Result<void> fetch(Given& given, SendSources& sources, std::vector<std::string>& warnings) {
  auto& value = *given.value;
  if (value == "-") {
    auto input = sources.input();
    if (!input) return std::unexpected(input.error());
    value = *std::move(input);
    return {};
  }
  if (value.starts_with("@@")) {
    value.erase(0, 1);
    return {};
  }
  if (value.starts_with('@')) {
    auto read = read_file(given, value.substr(1), sources);
    if (!read)
      return fail(Fault::malformed, "--" + std::string(given.option->name()) + ": " + read.error().text);
    return {};
  }
  return guess_file(given, sources, warnings);
}

}  // namespace

Result<void> fetch_contents(SendArguments& arguments, SendSources& sources,
                            std::vector<std::string>& warnings) {
  if (arguments.has("g") && !arguments.has("data")) arguments.set("data", "-");
  for (auto& given : arguments.all()) {
    const bool asked = !given.value && given.option->takes == SendOption::Takes::value;
    // Credentials are asked for when it is known that they are needed.
    const auto name = given.option->name();
    if (asked && name != "auth-user" && name != "auth-password") {
      auto answer = sources.ask(std::string(given.option->prompt), false);
      if (!answer) return std::unexpected(answer.error());
      given.value = *std::move(answer);
    }
    if (given.value && given.option->content) {
      if (auto fetched = fetch(given, sources, warnings); !fetched) return fetched;
    }
  }
  return {};
}

MessageDraft draft_of(const SendArguments& arguments, std::vector<std::string>& warnings) {
  MessageDraft draft;
  draft.data = arguments.value("data").value_or("");
  draft.body = arguments.value("body").value_or("");
  draft.fixup = !arguments.has("no-data-fixup");
  draft.strip_from_line = !arguments.has("no-strip-from");
  std::string type;
  std::optional<std::string> name;
  for (const auto& given : arguments.all()) {
    const auto option = given.option->name();
    const auto value = given.value.value_or("");
    if (option == "attach-type") type = value;
    if (option == "attach-name") name = value;
    if (option == "add-header") draft.added_headers.push_back(value);
    if (option == "header") draft.replaced_headers.push_back(value);
    if (option == "attach") draft.attachments.push_back({type, name.value_or(given.file), value});
    if (option == "attach-body") {
      draft.bodies.push_back({type, name.value_or(""), value});
      type.clear();
    }
    if (option.starts_with("attach") && option != "attach-type" && option != "attach-name") name.reset();
  }
  const bool wants_body = !draft.body.empty() || !draft.bodies.empty() || !draft.attachments.empty();
  if (wants_body && !draft.data.empty() && draft.fixup && draft.data.find("%BODY%") == std::string::npos)
    warnings.push_back("--data has no %BODY%: the body and the attachments that were given are not sent");
  if (!draft.fixup && (wants_body || !draft.added_headers.empty() || !draft.replaced_headers.empty()))
    warnings.push_back("--no-data-fixup: headers, bodies and attachments are not put into the data");
  return draft;
}

}  // namespace hikyaku::probe
