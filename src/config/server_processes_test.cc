#include "config/server_processes.h"

#include <gtest/gtest.h>

namespace hikyaku::config {
namespace {

struct Case {
  const char* name;
  const char* main;
  const char* master;
  std::size_t processes;
  const char* where;
};
class ServerProcesses : public testing::TestWithParam<Case> {};

TEST_P(ServerProcesses, AreThoseOfSmtpd) {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  const auto main = Main::parse(GetParam().main, "main.cf", sources, diagnostics, {});
  const auto master = Master::parse(GetParam().master, "master.cf", sources, diagnostics);
  const auto found = server_processes(main, master);
  EXPECT_EQ(*found, GetParam().processes);
  EXPECT_EQ(sources.text(found.origin), GetParam().where);
}

INSTANTIATE_TEST_SUITE_P(
    , ServerProcesses,
    testing::Values(Case{"postfix_s_default", "", "smtp inet n - y - - smtpd\n", 100, "default"},
                    Case{"default_process_limit", "\ndefault_process_limit = 40\n",
                         "smtp inet n - y - - smtpd\n", 40, "main.cf:2"},
                    Case{"its_own_limit", "default_process_limit = 40\n", "\nsmtp inet n - y - 12 smtpd\n",
                         12, "master.cf:2"},
                    Case{"the_service_with_most", "",
                         "smtp inet n - y - 12 smtpd\n587 inet n - y - 30 smtpd\n", 30, "master.cf:2"},
                    Case{"behind_postscreen", "",
                         "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - 50 smtpd\n", 50, "master.cf:2"},
                    Case{"other_services_do_not_count", "",
                         "smtp unix - - y - 20 smtp\nsmtp inet n - y - 5 smtpd\n", 5, "master.cf:2"},
                    Case{"no_limit", "", "smtp inet n - y - 0 smtpd\n587 inet n - y - 30 smtpd\n", 0,
                         "default"},
                    Case{"no_server", "", "smtp unix - - y - - smtp\n", 0, "default"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::config
