#include "cmd/milters_source.h"

#include "cmd/configuration_files.h"
#include "config/main_cf.h"
#include "config/multiplexer_parameters.h"
#include "serve/milter_manager_file.h"

namespace hikyaku::cmd {

void MiltersSource::add_options(CommandLine& app) {
  app.option("-f,--file", &file, "milter-manager.conf (default: /etc/milter-manager/milter-manager.conf)");
  app.option("-c,--config,--config-directory", &directory,
             "the folder of a main.cf whose hikyaku_milters parameters to use instead",
             {.without = "--file"});
}

Result<serve::MultiplexerServer::Loaded> MiltersSource::load(config::Diagnostics& diagnostics,
                                                             SourceCatalogue& sources) const {
  if (!directory.empty()) {
    const auto text = read_main(directory);
    if (!text) return std::unexpected(text.error());
    const auto name = directory + "/main.cf";
    const auto main = config::Main::parse(*text, name, sources, diagnostics, system_facts(directory));
    return serve::MultiplexerServer::Loaded{
        config::multiplexer_settings(main, diagnostics), nullptr, nullptr, {name}};
  }
  auto read = serve::MilterManagerFile::load(file.empty() ? "/etc/milter-manager/milter-manager.conf" : file,
                                             sources, diagnostics);
  if (!read) return std::unexpected(std::move(read.error()));
  return serve::MultiplexerServer::Loaded{std::move(read->settings), nullptr, std::move(read->ruby),
                                          std::move(read->files)};
}

}  // namespace hikyaku::cmd
