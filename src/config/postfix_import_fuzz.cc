#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/main_cf.h"
#include "config/postfix_import.h"

// What the reader of main.cf finds in the copy is what it found in the original, but for what is Postfix's
// own.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // An error to the reader, which takes such a line for none.
  if (text.find('\0') != std::string_view::npos) return 0;
  const auto import = [](std::string_view main, std::string_view master) {
    return config::import_files({"main.cf", std::string(main), "master.cf", std::string(master)},
                                "/etc/postfix", "/etc/hikyaku");
  };
  (void)import("smtpd_milters = unix:a\n", text);
  const auto imported = import(text, "").main;
  SourceCatalogue sources;
  config::Diagnostics of_original, of_copy;
  const auto original = config::Main::parse(text, "main.cf", sources, of_original);
  const auto copy = config::Main::parse(imported.text, "copy", sources, of_copy);
  const bool moved = text.contains("/etc/postfix/") || text.contains("unix:") || text.contains("local:");
  for (const auto& name : original.set_names()) {
    const auto* kept = copy.written(name);
    if (kept == nullptr) {
      if (import(name + " = x\n", "").main.changes.empty()) std::abort();
    } else if (!moved && kept->text() != original.written(name)->text()) {
      std::abort();
    }
  }
  for (const auto& name : copy.set_names()) {
    if (original.written(name) == nullptr) std::abort();
  }
  return 0;
}
