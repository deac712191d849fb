#include "cmd/milters_source.h"

#include "base/escape.h"
#include "cmd/configuration_files.h"
#include "config/main_cf.h"
#include "config/multiplexer_parameters.h"
#include "config/server_processes.h"
#include "serve/filter_privileges.h"
#include "serve/milter_manager_file.h"

namespace hikyaku::cmd {
namespace {

/// What is set and read, and does nothing here.
void tell_unused(const config::MultiplexerSettings& settings, config::Diagnostics& diagnostics) {
  const auto tell = [&diagnostics](const auto& setting, const std::string& why) {
    if (!setting.origin.built_in()) diagnostics.warning(setting.origin, why);
  };
  if (*settings.daemon)
    tell(settings.daemon,
         "manager.daemon has no effect here: it stays in the foreground, for systemd or a shell's &");
  const auto& controller = settings.controller.connection;
  if (controller && controller->value.family != config::ConnectionSpec::Family::local)
    tell(*controller,
         "controller.connection_spec has no effect here: `milters stats` asks at a Unix socket alone");
  tell(settings.chunk_size,
       "manager.chunk_size has no effect here: filters get as much at once as they agree to");
  tell(
      settings.suspend_time_on_unacceptable,
      "manager.suspend_time_on_unacceptable has no effect here: what can't be taken is tried again in 0.1 s");
  tell(settings.log_level, "log.level has no effect here: errors, warnings and statistics are always logged");
  tell(settings.syslog_facility, "log.syslog_facility has no effect here: it is always mail");
}

void tell_remarks(serve::MultiplexerTables& tables, config::Diagnostics& diagnostics) {
  for (const auto& remark : tables.files.take_diagnostics()) {
    // A line that is not in effect is no reason not to start.
    diagnostics.add({remark.level == table::Diagnostic::Level::note ? config::Diagnostic::Level::note
                                                                    : config::Diagnostic::Level::warning,
                     remark.where, remark.column, remark.text, remark.line});
  }
}

}  // namespace

void MiltersSource::add_options(CommandLine& app) {
  app.option("-f,--file", &file, "milter-manager.conf (default: /etc/milter-manager/milter-manager.conf)");
  app.option("-c,--config,--config-directory", &directory,
             "the folder of a main.cf whose hikyaku_milters parameters to use instead",
             {.without = "--file"});
  app.option(
      "--mta-config", &mta,
      "the folder of the MTA's main.cf and master.cf, which say from how many sessions on it is stress "
      "(default: that of -c, else /etc/postfix)");
}

config::Setting<std::size_t> MiltersSource::stress(config::Diagnostics& diagnostics, SourceCatalogue& sources,
                                                   std::vector<std::string>& files) const {
  const auto folder = !mta.empty() ? mta : !directory.empty() ? directory : std::string("/etc/postfix");
  const auto texts = read_configuration(folder);
  if (!texts) {
    // That there is none in the usual place is no fault.
    if (!mta.empty())
      diagnostics.warning({},
                          "--mta-config " + escaped(mta) + " says nothing of stress: " + texts.error().text);
    return {};
  }
  files.push_back(texts->main_name);
  files.push_back(texts->master_name);
  // Its faults are the MTA's to tell.
  config::Diagnostics ignored;
  const auto main =
      config::Main::parse(texts->main_text, texts->main_name, sources, ignored, system_facts(folder));
  const auto master = config::Master::parse(texts->master_text, texts->master_name, sources, ignored);
  auto limit = config::server_processes(main, master);
  limit.value = limit.value * 3 / 4;
  return limit;
}

Result<serve::MultiplexerServer::Loaded> MiltersSource::load(config::Diagnostics& diagnostics,
                                                             SourceCatalogue& sources) const {
  if (!directory.empty()) {
    const auto text = read_main(directory);
    if (!text) return std::unexpected(text.error());
    const auto name = directory + "/main.cf";
    const auto main = config::Main::parse(*text, name, sources, diagnostics, system_facts(directory));
    std::vector files{name};
    auto tables = std::make_shared<serve::MultiplexerTables>(sources);
    const auto limit = stress(diagnostics, sources, files);
    auto settings = config::multiplexer_settings(main, diagnostics, {limit, &tables->files});
    tell_remarks(*tables, diagnostics);
    serve::check_privileges(settings, diagnostics);
    return serve::MultiplexerServer::Loaded{std::move(settings),
                                            nullptr,
                                            nullptr,
                                            std::move(files),
                                            main.text("hikyaku_milters_verdict_file").text,
                                            std::move(tables)};
  }
  std::vector<std::string> files;
  const auto limit = stress(diagnostics, sources, files);
  auto tables = std::make_shared<serve::MultiplexerTables>(sources);
  auto read = serve::MilterManagerFile::load(file.empty() ? "/etc/milter-manager/milter-manager.conf" : file,
                                             sources, diagnostics, {limit, &tables->files});
  if (!read) return std::unexpected(std::move(read.error()));
  tell_remarks(*tables, diagnostics);
  tell_unused(read->settings, diagnostics);
  serve::check_privileges(read->settings, diagnostics);
  read->files.insert(read->files.end(), files.begin(), files.end());
  return serve::MultiplexerServer::Loaded{std::move(read->settings), nullptr, std::move(read->ruby),
                                          std::move(read->files),    {},      std::move(tables)};
}

}  // namespace hikyaku::cmd
