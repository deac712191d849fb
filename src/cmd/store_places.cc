#include "cmd/store_places.h"

#include <algorithm>

#include "cmd/administer.h"

namespace hikyaku::cmd {

Result<StorePlaces> StorePlaces::read(const serve::Running& running) {
  auto catalogue = serve::read_catalogue(serve::catalogue_path(running.data_directory));
  if (!catalogue) return std::unexpected(std::move(catalogue.error()));
  StorePlaces places{std::move(*catalogue), {}};
  const auto settings = serve::MailboxSettings::of(running);
  std::vector<std::string> names{std::string(record::MailboxCatalogue::kDefault)};
  for (const auto& [name, entry] : places.catalogue.databases()) names.push_back(name);
  for (const auto& name : names) {
    auto place = serve::mailbox_place(settings, places.catalogue, name);
    if (!place) return std::unexpected(std::move(place.error()));
    places.all.push_back(std::move(*place));
  }
  return places;
}

Result<serve::DatabasePlace> StorePlaces::find(std::string_view name) const {
  const auto at = std::ranges::find(all, name, &serve::DatabasePlace::name);
  if (at != all.end()) return *at;
  return fail(Fault::not_found, "there is no mailbox database '" + std::string(name) +
                                    "': hikyaku store list has them, hikyaku store create makes one");
}

OfflineDatabases::OfflineDatabases(const serve::Running& running)
    : databases([&running] { return serve::MailboxSettings::of(running); }, clock, tell_notes) {}

Result<std::unique_ptr<OfflineDatabases>> OfflineDatabases::open(const serve::Running& running) {
  auto offline = std::make_unique<OfflineDatabases>(running);
  std::vector<std::string> notes;
  if (auto opened = offline->databases.open(notes); !opened)
    return std::unexpected(std::move(opened.error()));
  tell_notes(notes);
  return offline;
}

}  // namespace hikyaku::cmd
