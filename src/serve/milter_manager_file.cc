#include "serve/milter_manager_file.h"

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>

#include "config/milter_manager_conf.h"
#include "serve/ruby_blocks.h"

namespace hikyaku::serve {

Result<MilterManagerFile> MilterManagerFile::load(const std::string& name, SourceCatalogue& sources,
                                                  config::Diagnostics& diagnostics,
                                                  const config::Surroundings& surroundings) {
  constexpr std::size_t kMostInterpreters = 4;
  auto blocks =
      RubyBlocks::read(std::filesystem::absolute(name).lexically_normal().string(),
                       std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostInterpreters),
                       *surroundings.stress);
  if (!blocks)
    return std::unexpected(Error{blocks.error().fault, "read " + name + ": " + blocks.error().text});
  const auto& host = (*blocks)->host();
  if (host.files().empty())
    return fail(Fault::not_found, "read " + name + ": there is no such file, or no access to it");
  MilterManagerFile file;
  file.settings = config::milter_manager_settings((*blocks)->rows(), sources, diagnostics, surroundings);
  for (const auto& line : host.log()) diagnostics.note({}, "the configuration wrote: " + line);
  file.files = host.files();
  file.ruby = std::move(*blocks);
  return file;
}

}  // namespace hikyaku::serve
