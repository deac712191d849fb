#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::probe {

/// One option as it is known: swaks' names, and ours.
struct SendOption {
  enum class Takes : unsigned char { nothing, maybe, value };
  std::string_view names;  ///< the one that it goes by first, then the others, between blanks
  Takes takes = Takes::nothing;
  std::string_view prompt = {};   ///< what is asked when it comes without its value; empty: that is a mistake
  bool content = false;           ///< "-" is stdin, "@x" the file x, "@@x" the text "@x"
  std::string_view refused = {};  ///< why it can't be done; empty: it can
  std::string_view name() const { return names.substr(0, names.find(' ')); }
};

/// All of them. Names in the manner of swaks 20201014.
std::span<const SendOption> send_options();

/// Options in the order in which they were given, from all places, the weakest place first.
class SendArguments {
 public:
  struct Given {
    const SendOption* option = nullptr;
    std::optional<std::string> value;  ///< nothing: none was given
    std::string file{};                ///< the value was read from this one; set by fetch_contents()
  };

  /// Words of a command line: "-x", "--x", "--x=value", "--x value"; one dash or two, and a beginning that
  /// only one option has; "--no-x" forgets what was given before; "--h-Subject v" is "--header 'Subject: v'".
  /// A word that is no option is a mistake, unless `target`: then the first becomes --server. Fails with
  /// Fault::malformed.
  Result<void> add_words(std::span<const std::string> words, bool target);
  /// An option as an environment variable names it, SWAKS_OPT_name: "auth_user" and its value; an empty value
  /// is none.
  Result<void> add_variable(std::string_view name, std::string_view value);
  /// A configuration file: an option a line, dashes may be left out, all behind the first blank is the value;
  /// lines with '#' in front are comments. At most 1 MiB.
  Result<void> add_file(std::string_view text);

  const std::vector<Given>& all() const { return given_; }
  std::vector<Given>& all() { return given_; }
  /// The last one given by this name.
  const Given* last(std::string_view name) const;
  bool has(std::string_view name) const { return last(name) != nullptr; }
  /// Its value; nullopt when there is none.
  std::optional<std::string> value(std::string_view name) const;
  /// Sets the value of one that was given without, or gives it.
  void set(std::string_view name, std::string value);

 private:
  struct Named;
  static Result<Named> find(std::string_view name);
  Result<void> add(const Named& named, std::optional<std::string> value);
  std::vector<Given> given_;
};

}  // namespace hikyaku::probe
