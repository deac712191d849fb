#include "cmd/milters_source.h"

#include "serve/milter_manager_file.h"

namespace hikyaku::cmd {

void MiltersSource::add_options(CommandLine& app) {
  app.option("-f,--file", &file, "milter-manager.conf (default: /etc/milter-manager/milter-manager.conf)");
}

Result<serve::MultiplexerServer::Loaded> MiltersSource::load(config::Diagnostics& diagnostics,
                                                             SourceCatalogue& sources) const {
  auto read = serve::MilterManagerFile::load(file.empty() ? "/etc/milter-manager/milter-manager.conf" : file,
                                             sources, diagnostics);
  if (!read) return std::unexpected(std::move(read.error()));
  return serve::MultiplexerServer::Loaded{std::move(read->settings), nullptr, std::move(read->ruby),
                                          std::move(read->files)};
}

}  // namespace hikyaku::cmd
