//! The law as data. Nothing here looks at a case.

use tonic::{Request, Response, Status};

use super::{Bus, Service};
use crate::domain::term::{TermError, explain};
use crate::rpc::Caller;
use crate::rpc::parse::fault::Faults;
use crate::rpc::parse::query::{self, DueTime};
use crate::rpc::proto::procedures::v1::procedure_service_server::ProcedureService;
use crate::rpc::proto::procedures::v1::{
    ComputeDueTimeRequest, ComputeDueTimeResponse, GetProcedureRequest, GetProcedureResponse,
    ListProceduresRequest, ListProceduresResponse,
};
use crate::rpc::reason::Reason;
use crate::rpc::show::law;
use crate::rpc::status::Refusal;

#[tonic::async_trait]
impl ProcedureService for Service {
    async fn list_procedures(
        &self,
        request: Request<ListProceduresRequest>,
    ) -> Result<Response<ListProceduresResponse>, Status> {
        let bus = &self.0;
        bus.caller(&request)?;
        let ListProceduresRequest {} = request.get_ref();
        // Their keys order them by name and edition, and editions are years.
        let procedures = bus.engine.law().procedures.values().map(law::summary).collect();
        Ok(Response::new(ListProceduresResponse { procedures }))
    }

    async fn get_procedure(
        &self,
        request: Request<GetProcedureRequest>,
    ) -> Result<Response<GetProcedureResponse>, Status> {
        let bus = &self.0;
        bus.caller(&request)?;
        let refuse = |refusal: Refusal| bus.refuse(&refusal);
        let key = query::procedure(request.get_ref()).map_err(refuse)?;
        let known = bus.engine.law().procedures.get(&key);
        let known = known.ok_or_else(|| refuse(Refusal::ProcedureUnknown))?;
        Ok(Response::new(GetProcedureResponse { procedure: Some(law::procedure(known)) }))
    }

    async fn compute_due_time(
        &self,
        request: Request<ComputeDueTimeRequest>,
    ) -> Result<Response<ComputeDueTimeResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let computed = bus.due_time(request.get_ref(), &caller);
        computed.map(Response::new).map_err(|refusal| bus.refuse(&refusal))
    }
}

impl Bus {
    fn due_time(
        &self,
        request: &ComputeDueTimeRequest,
        caller: &Caller,
    ) -> Result<ComputeDueTimeResponse, Refusal> {
        let DueTime { procedure, hop, from, zone } = query::due_time(request, self.asked(caller))?;
        let calendar = &*self.engine.law().calendar();
        let procedure = self.engine.law().procedures.get(&procedure);
        let procedure = procedure.ok_or(Refusal::ProcedureUnknown)?;
        let hop = procedure.hop(hop).ok_or(Refusal::HopUnknown)?;
        let counting = procedure.counting();
        let told = explain(hop.term, hop.count, counting, from, &zone, calendar, None);
        let invalid = |field, rule: &str| {
            Err(Refusal::Invalid(Faults::one(field, Reason::FieldInvalid, rule)))
        };
        match told {
            Ok(told) => Ok(law::due_time(hop, told, calendar)),
            Err(TermError::Calendar(_) | TermError::BeyondTime { .. }) => {
                let (first, last) = (calendar.first(), calendar.last());
                let rule = format!("the term leaves the calendar, which covers {first}..{last}");
                invalid("from_time", &rule)
            }
            Err(TermError::ServiceDueMissing) => invalid(
                "hop",
                "its term runs back from the end of a service, which a case alone has",
            ),
            Err(TermError::CountMismatch { .. } | TermError::ZoneUnknown { .. }) => {
                Err(Refusal::Fault("a hop of a checked procedure cannot be counted"))
            }
        }
    }
}
