//! The procedure as the parties know it: asked of the bus, not read from its files.

use std::collections::BTreeMap;

use super::DemoError;
use super::line::Line;
use crate::domain::party::{PartyId, Role};
use crate::domain::region::Region;
use crate::rpc::proto::procedures::v1 as contract;
use crate::rpc::proto::procedures::v1::procedure_service_client::ProcedureServiceClient;
use crate::rpc::proto::types::v1::{Act, PartyRole};

/// The procedure of the pilot.
pub(super) const PROCEDURE: &str = "kandas-mission";
/// Its edition in force in 2023.
pub(super) const EDITION: &str = "2021";

/// The hops of the procedure by name.
#[derive(Debug, Clone)]
pub(super) struct Law {
    /// What the list of procedures says of it.
    pub(super) summary: contract::ProcedureSummary,
    /// The hops, in the order of the procedure.
    pub(super) hops: BTreeMap<String, contract::Hop>,
}

/// Who is who in a case, from the parties' side.
#[derive(Debug, Clone)]
pub(super) struct Partners {
    /// The authorised body.
    pub(super) committee: PartyId,
    /// Akimats and commissions by the code of their region.
    pub(super) regional: BTreeMap<String, (PartyId, PartyId)>,
}

impl Law {
    /// Asks the bus for the procedure.
    pub(super) async fn ask(line: &Line) -> Result<Self, DemoError> {
        let request = contract::GetProcedureRequest {
            procedure: PROCEDURE.to_owned(),
            edition: EDITION.to_owned(),
        };
        let mut stub = ProcedureServiceClient::new(line.channel());
        let answer = line.ask("the procedure", stub.get_procedure(request)).await?.into_inner();
        let procedure = answer.procedure.ok_or_else(|| line.lacks("the procedure"))?;
        let summary = procedure.summary.ok_or_else(|| line.lacks("the summary"))?;
        let hops = procedure.hops.into_iter().map(|hop| (hop.hop.clone(), hop)).collect();
        Ok(Self { summary, hops })
    }

    /// The act that discharges a hop.
    pub(super) fn act(&self, hop: &str) -> Act {
        self.hops.get(hop).map_or(Act::Unspecified, contract::Hop::act)
    }

    /// To whom the act of a hop is delivered. Nobody where the applicant receives it, or acts at the
    /// counter of the party that records it.
    pub(super) fn receiver(&self, hop: &str) -> Option<Role> {
        let hop = self.hops.get(hop)?;
        if hop.from_role() == PartyRole::Applicant {
            return None;
        }
        match hop.to_role() {
            PartyRole::ForeignMission => Some(Role::ForeignMission),
            PartyRole::MigrationBody => Some(Role::MigrationBody),
            PartyRole::Akimat => Some(Role::Akimat),
            PartyRole::Commission => Some(Role::Commission),
            PartyRole::Operator
            | PartyRole::Applicant
            // Parties of the procedures that the demonstration does not play.
            | PartyRole::EmploymentCommission
            | PartyRole::StateCorporation
            | PartyRole::EmploymentCentre
            | PartyRole::CareerCentre
            | PartyRole::LabourMobilityCentre
            | PartyRole::MigrationPortal
            | PartyRole::EgovPortal
            | PartyRole::MobileApp
            | PartyRole::AisKandas
            | PartyRole::AisLabourMarket
            | PartyRole::EgovGateway
            | PartyRole::DigitalDocuments
            | PartyRole::MonitoringSystem
            | PartyRole::LabourExchange
            | PartyRole::RuralAkimat
            | PartyRole::QualityBody
            | PartyRole::AdaptationCentre
            | PartyRole::FrontOffice
            | PartyRole::ContactCentre
            | PartyRole::DepartureAkimat
            | PartyRole::Channel
            | PartyRole::Internal
            | PartyRole::Unspecified => None,
        }
    }
}

impl Partners {
    /// The partners that a registry names.
    pub(super) fn of(parties: &crate::domain::party::Parties) -> Self {
        let regional = Region::ALL.iter().filter_map(|&region| {
            let akimat = parties.akimat_of(region)?.id.clone();
            let commission = parties.commission_of(region)?.id.clone();
            Some((region.code().to_owned(), (akimat, commission)))
        });
        Self { committee: parties.migration_body().id.clone(), regional: regional.collect() }
    }
}
